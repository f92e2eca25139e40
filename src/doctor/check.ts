import type { Settings } from '../config/settings.js';
import type { Check, CheckState } from '../kernel/check.js';
import type { Clock } from '../kernel/clock.js';
import { PotctlError } from '../kernel/errors.js';
import { type Advice, type Again, type NextCommand, partsOf } from '../kernel/next.js';
import type { Server, Session } from '../postgres/server.js';
import type { Repository } from '../repository/repository.js';

/** What the checks need. Everything that can fail is a function, so that one failure does not prevent the other checks. */
export interface DoctorTools {
  readonly clock: Clock;
  /** Environment of child processes. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  settings(): Promise<Settings>;
  server(): Promise<Server>;
  repository(): Promise<Repository>;
  /** Returns what earlier restores left behind, in words, each with the command that cleans it up. */
  leftovers(): Promise<readonly { readonly text: string; readonly fix: Advice }[]>;
  /** Returns how much earlier restores keep for undo. `until`: RFC 3339 UTC; null = unknown. */
  kept(): Promise<{ readonly databases: number; readonly trees: number; readonly until: string | null }>;
}

/** An open connection, its server and settings. */
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

/** Returns a check for an error: `fail` for a known error, `unknown` for anything else. */
export function failed(name: string, error: unknown): Check {
  if (!(error instanceof PotctlError)) return unknown(name, `could not be checked: ${text(error)}`);
  return fail(name, describe(error), fixOf(error));
}

/** Returns an `unknown` check if the check itself failed, which says nothing about its subject. */
export function notChecked(name: string, error: unknown): Check {
  const reason = error instanceof PotctlError ? describe(error) : text(error);
  return unknown(name, `could not be checked: ${reason}`, error instanceof PotctlError ? fixOf(error) : null);
}

/** Leaves out advice to run `potctl doctor`. */
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
