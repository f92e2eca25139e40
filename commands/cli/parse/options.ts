import { parseDuration, UNIT_MS } from '../../../src/kernel/duration.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import { suggestion } from './suggest.js';

/**
 * A flag or an argument with its type. A flag means the same in every command: a test fails when two commands declare the same flag with
 * a different kind of value.
 */
export interface Spec<T> {
  /** In commander's syntax: `--keep-last <n>`, `-n, --dry-run`, or `[id]` and `<id>` for the one positional argument. */
  readonly declaration: string;
  readonly summary: string;
  readonly takes: 'flag' | 'text' | 'list' | 'count' | 'duration' | 'moment' | 'choice' | 'argument';
  readonly choices?: readonly string[];
  /** The default as help prints it. */
  readonly preset?: string;
  /** Parses the given value; `raw` is undefined if there is none. @throws PotctlError E_USAGE naming the flag and what it takes */
  parse(raw: unknown): T;
}

export type InputSpec = Readonly<Record<string, Spec<unknown>>>;
export type Input<S extends InputSpec> = { readonly [K in keyof S]: S[K] extends Spec<infer T> ? T : never };

interface Preset<T> {
  readonly default: T;
}

interface Bounds {
  /** Default 0. */
  readonly min?: number;
  readonly max?: number;
}

/** `--prune` or `--no-verify`: true when it was given. */
export function flag(declaration: string, summary: string): Spec<boolean> {
  return { declaration, summary, takes: 'flag', parse: (raw) => raw === true };
}

/** `--note <text>`: any text except the empty one, which usually comes from an unset shell variable. */
export function text(declaration: string, summary: string): Spec<string | undefined>;
export function text(declaration: string, summary: string, preset: Preset<string>): Spec<string>;
export function text(declaration: string, summary: string, preset?: Preset<string>): Spec<string | undefined> {
  // `-` does not mean stdin or stdout: a secret written to stdout could end up in a log.
  if (!/<(file|dir|folder|archive)>/.test(declaration)) {
    return spec(declaration, summary, 'text', preset, (raw) => raw, 'some text');
  }
  const wanted = "the path of a file or directory, but neither stdin nor stdout (a file named '-' is './-')";
  return spec(declaration, summary, 'text', preset, (raw) => (raw === '-' ? undefined : raw), wanted);
}

/** `--label <name=value>`, repeatable; `[]` if not given. */
export function list(declaration: string, summary: string): Spec<readonly string[]> {
  const parse = (raw: unknown): readonly string[] => {
    const values = raw === undefined ? [] : [raw].flat().map(String);
    if (values.some((value) => value === '')) throw refuse(declaration, 'some text', '');
    return values;
  };
  return { declaration, summary, takes: 'list', parse };
}

/** `--jobs <n>`: a whole number, by default ≥ 0. */
export function count(declaration: string, summary: string, bounds?: Bounds): Spec<number | undefined>;
export function count(declaration: string, summary: string, preset: Preset<number> & Bounds): Spec<number>;
export function count(
  declaration: string,
  summary: string,
  options: Partial<Preset<number>> & Bounds = {},
): Spec<number | undefined> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = options;
  const wanted =
    max === Number.MAX_SAFE_INTEGER ? `a whole number, ${min} or more` : `a whole number from ${min} to ${max}`;
  const parse = (raw: string): number | undefined => {
    const value = /^\d{1,16}$/.test(raw) ? Number(raw) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  };
  const preset = options.default === undefined ? undefined : { default: options.default };
  return spec(declaration, summary, 'count', preset, parse, wanted);
}

/** `--wait <duration>`: `30s 15m 2h 3d 2w`, in milliseconds. */
export function duration(declaration: string, summary: string): Spec<number | undefined>;
export function duration(declaration: string, summary: string, preset: Preset<number>): Spec<number>;
export function duration(declaration: string, summary: string, preset?: Preset<number>): Spec<number | undefined> {
  return spec(declaration, summary, 'duration', preset, parseDuration, 'a duration such as 30s, 15m, 2h, 3d or 2w');
}

/** Returns ms since 1970, given the current time. */
export type Moment = (nowMs: number) => number;

const MOMENT = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** `--since <time>`: `2026-11-22`, `2026-11-22T09:30` (both UTC), with an offset, or `36h` = 36 hours ago. */
export function moment(declaration: string, summary: string): Spec<Moment | undefined> {
  return momentSpec(declaration, summary, 'for 36 hours ago', -1);
}

/** `--until <time>` in the future: the same forms, but `36h` = 36 hours from now. */
export function momentAhead(declaration: string, summary: string): Spec<Moment | undefined> {
  return momentSpec(declaration, summary, 'for 36 hours from now', 1);
}

function momentSpec(declaration: string, summary: string, span: string, sign: 1 | -1): Spec<Moment | undefined> {
  const parse = (raw: string): Moment | undefined => {
    const spanMs = parseDuration(raw);
    if (spanMs !== undefined) return (nowMs) => nowMs + sign * spanMs;
    if (!MOMENT.test(raw)) return undefined;
    const hasZone = raw.length === 10 || /(Z|[+-]\d\d:\d\d)$/.test(raw.slice(10));
    const ms = Date.parse(hasZone ? raw : `${raw}Z`);
    return Number.isNaN(ms) ? undefined : () => ms;
  };
  const wanted = `a time such as 2026-11-22, 2026-11-22T09:30Z, or 36h ${span}`;
  return spec(declaration, summary, 'moment', undefined, parse, wanted);
}

/** `--level <level>`: one of `choices`. */
export function choice<const T extends string>(
  declaration: string,
  summary: string,
  choices: readonly T[],
): Spec<T | undefined>;
export function choice<const T extends string>(
  declaration: string,
  summary: string,
  choices: readonly T[],
  preset: Preset<NoInfer<T>>,
): Spec<T>;
export function choice<const T extends string>(
  declaration: string,
  summary: string,
  choices: readonly T[],
  preset?: Preset<T>,
): Spec<T | undefined> {
  const parse = (raw: string): T | undefined => choices.find((value) => value === raw);
  const found = spec(declaration, summary, 'choice', preset, parse, `one of ${choices.join(', ')}`);
  return { ...found, choices };
}

/** `<id>`: the required positional argument. */
export function argument(declaration: string, summary: string): Spec<string> {
  const parse = (raw: unknown): string => {
    if (typeof raw !== 'string' || raw === '') throw refuse(declaration, 'a value', '');
    return raw;
  };
  return { declaration, summary, takes: 'argument', parse };
}

/** `[id]`: the optional positional argument. */
export function optionalArgument(declaration: string, summary: string): Spec<string | undefined>;
export function optionalArgument(declaration: string, summary: string, preset: Preset<string>): Spec<string>;
export function optionalArgument(
  declaration: string,
  summary: string,
  preset?: Preset<string>,
): Spec<string | undefined> {
  return spec(declaration, summary, 'argument', preset, (raw) => raw, 'a value');
}

/** `-n, --dry-run` → `dry-run`; `[id]` → `id`. */
export function nameOf(declaration: string): string {
  const long = /--([a-z0-9-]+)/.exec(declaration)?.[1];
  return long ?? declaration.replace(/[<>[\].]/g, '');
}

function spec<T>(
  declaration: string,
  summary: string,
  takes: Spec<T>['takes'],
  preset: Preset<T> | undefined,
  read: (raw: string) => T | undefined,
  wanted: string,
): Spec<T | undefined> {
  const parse = (raw: unknown): T | undefined => {
    if (raw === undefined) return preset?.default;
    const value = raw === '' ? undefined : read(String(raw));
    if (value === undefined) throw refuse(declaration, wanted, String(raw));
    return value;
  };
  return { declaration, summary, takes, parse, ...(preset && { preset: presetText(preset.default, takes) }) };
}

function presetText(value: unknown, takes: Spec<unknown>['takes']): string {
  if (takes !== 'duration' || typeof value !== 'number') return String(value);
  const unit = ['w', 'd', 'h', 'm', 's'].find((name) => value >= UNIT_MS[name]! && value % UNIT_MS[name]! === 0);
  return unit === undefined ? `${value / 1_000}s` : `${value / UNIT_MS[unit]!}${unit}`;
}

function refuse(declaration: string, wanted: string, given: string): PotctlError {
  const name = declaration.startsWith('-') ? `--${nameOf(declaration)}` : declaration;
  const choices = wanted.startsWith('one of ') ? wanted.slice('one of '.length).split(', ') : [];
  return new PotctlError('E_USAGE', `'${name}' takes ${wanted}${given === '' ? '' : `, not '${given}'`}`, {
    ...suggestion(given, choices),
  });
}
