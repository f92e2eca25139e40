import type { Settings } from '../config/settings.js';
import type { Check, CheckState } from '../kernel/check.js';
import type { Clock } from '../kernel/clock.js';
import { PotctlError } from '../kernel/errors.js';
import { type Advice, type Again, type NextCommand, partsOf } from '../kernel/next.js';
import type { Server, Session } from '../postgres/server.js';
import type { Repository } from '../repository/repository.js';

/** What the doctor may look at. Everything that can fail is a function, so that one failure does not hide the rest. */
export interface DoctorTools {
  readonly clock: Clock;
  /** Environment of the children. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  settings(): Promise<Settings>;
  server(): Promise<Server>;
  repository(): Promise<Repository>;
  /** What earlier restores left, in words, each with what puts it right. */
  leftovers(): Promise<readonly { readonly text: string; readonly fix: Advice }[]>;
}

/** A connection that stands, and what it belongs to. */
export interface Connected {
  readonly server: Server;
  readonly session: Session;
  readonly settings: Settings;
}

export const ok = (name: string, detail: string): Check => ({ name, state: 'ok', detail });
export const warn = (name: string, detail: string, next: Advice | null): Check => advised(name, 'warn', detail, next);
export const fail = (name: string, detail: string, next: Advice | null): Check => advised(name, 'fail', detail, next);
export const unknown = (name: string, detail: string, next: Advice | null = null): Check =>
  advised(name, 'unknown', detail, next);

const advised = (name: string, state: CheckState, detail: string, next: Advice | null): Check => ({
  ...{ name, state, detail },
  ...(next !== null && { next }),
});

/** A failure as a line: what the operator can meet has failed, anything else could not be checked. */
export function failed(name: string, error: unknown): Check {
  if (!(error instanceof PotctlError)) return unknown(name, `could not be checked: ${text(error)}`);
  return fail(name, describe(error), fixOf(error));
}

/** The same where the check itself was refused: it says nothing about what was to be checked. */
export function notChecked(name: string, error: unknown): Check {
  const reason = error instanceof PotctlError ? describe(error) : text(error);
  return unknown(name, `could not be checked: ${reason}`, error instanceof PotctlError ? fixOf(error) : null);
}

/** The doctor is not sent to the doctor. */
const fixOf = ({ fix }: PotctlError): Advice | null => fix.find((one) => !partsOf(one).some(isDoctor)) ?? null;

const isDoctor = (part: string | NextCommand | Again): boolean =>
  typeof part === 'object' && 'command' in part && part.command[0] === 'doctor';

function describe({ message, why }: PotctlError): string {
  if (why === undefined) return message;
  const reason =
    typeof why === 'string'
      ? why
      : Object.entries(why)
          .map(([key, value]) => `${key} ${String(value)}`)
          .join('; ');
  return `${message}: ${reason}`;
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** `12.3 GiB`. */
export function bytes(size: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = size < 1_024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(size) / 10));
  return `${power === 0 ? size : (size / 1_024 ** power).toFixed(1)} ${units[power]}`;
}
