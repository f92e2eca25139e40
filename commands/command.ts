import type { ExitCode } from '../src/kernel/error-catalog.js';
import type { Advice } from '../src/kernel/next.js';
import type { Prepared } from '../src/kernel/prepared.js';
import type { Need } from './cli/parse/globals.js';
import type { Input, InputSpec } from './cli/parse/options.js';
import type { Verbatim } from './cli/run/json.js';
import type { Context } from './context.js';
import type { Column } from './ui/columns.js';
import type { View } from './ui/view.js';

/** The confirmation before a severe change: the plan is shown, then `phrase` must be typed. */
export interface Gate<P> {
  /**
   * Draws what will happen, on stderr.
   *
   * @param unasked whether no question follows: in a dry run, and with --yes or --confirm
   */
  renderPlan(plan: P, view: View, unasked: boolean): void;
  /** What must be typed, or given as `--confirm`. */
  phrase(plan: P): string;
  /** What the phrase is, for the help: `the database name`. */
  readonly typed: string;
  /** `--yes` is enough, because one statement can revert the change. */
  readonly mild?: true;
  /** True if the plan replaces and removes nothing. Then nothing must be confirmed, but a wrong `--confirm` is still an error. */
  isAddition?(plan: P): boolean;
}

interface Common<S extends InputSpec> {
  /** `backup list` is in commands/backup/list.ts; a top-level command such as `doctor` in commands/top/doctor.ts. */
  readonly name: string;
  /** A lower-case imperative without a period, short enough for one line of the help. */
  readonly summary: string;
  /** Shown first in the help. A test parses each one with the real parser. */
  readonly examples: readonly string[];
  readonly input: S;
  /** What the command uses. It has the target flags for these, and no others. */
  readonly needs: readonly Need[];
  /** The command does not read the configuration. */
  readonly standalone?: true;
  /**
   * Members whose keys are not converted to snake_case in JSON, at any depth, because they are data or documents in another format.
   * `true`: the whole result.
   */
  readonly verbatim?: Verbatim;
}

/** A list: its columns provide table, plain, csv and ndjson output, --limit, --columns, --sort and `page`. */
export interface ListCommand<S extends InputSpec, R> extends Common<S> {
  readonly kind: 'list';
  readonly columns: readonly Column<R>[];
  /** The time of a row, RFC 3339. Adds --since and --until to the list. */
  at?(row: R): string;
  /** Rows contain text instead of advice: use `context.live.spelled`. */
  run(
    input: Input<S>,
    context: Context,
  ): Promise<{
    readonly items: readonly R[];
    readonly footer?: readonly Advice[];
    readonly warnings?: readonly Advice[];
  }>;
  exitCode?(items: readonly R[]): ExitCode;
}

/** A list of possibly millions of rows, written while they are read, in the order of the source. */
export interface StreamCommand<S extends InputSpec, R> extends Common<S> {
  readonly kind: 'stream';
  readonly columns: readonly Column<R>[];
  /** The key after which the next page begins. */
  key(row: R): string;
  /** @param page `after`: key of the last row of the previous page; `limit`: number of rows, 0 = all */
  run(
    input: Input<S>,
    context: Context,
    page: { readonly after: string | null; readonly limit: number },
  ): AsyncIterable<readonly R[]>;
}

/** Rows that are written while they are read; there may be millions. */
export interface Rows<R> {
  readonly columns: readonly Column<R>[];
  readonly items: AsyncIterable<R>;
  readonly total: number;
  /** 0 = all. */
  readonly limit: number;
  readonly warnings: readonly Advice[];
}

/** One thing: `item` in JSON, `render` for people. */
export interface ItemCommand<S extends InputSpec, R> extends Common<S> {
  readonly kind: 'item';
  /** Returns the rows within the thing, for all list formats; undefined if the thing itself was asked for. */
  // biome-ignore lint/suspicious/noExplicitAny: rows of any shape, drawn by their own columns
  rows?(input: Input<S>, context: Context): Promise<Rows<any> | undefined>;
  run(input: Input<S>, context: Context): Promise<R>;
  render(result: R, view: View): void;
  exitCode?(result: R): ExitCode;
}

/** A change: `result`, `changed`, `dry_run`, `run_id` in JSON. Gets `-n/--dry-run`, and `--confirm` if it has a gate. */
export interface ActionCommand<S extends InputSpec, R, P> extends Common<S> {
  readonly kind: 'action';
  readonly gate?: Gate<P>;
  /** All or nothing: the change becomes visible in one step at the end, so an interrupted command has changed nothing. */
  readonly atomic?: true;
  /** Interactive: asks for everything that change flags would say, and takes only --operator. */
  readonly asks?: true;
  /** Plans the change without changing anything. @throws if the change is impossible */
  prepare(input: Input<S>, context: Context): Promise<Prepared<P, R>>;
  render(result: R, view: View): void;
  /** Default: true, unless it was a dry run. */
  changed?(result: R): boolean;
  /** Says what was changed, in a sentence without a period, for an error after the change. */
  done?(result: R): string;
  exitCode?(result: R): ExitCode;
}

export type AnyCommand =
  // biome-ignore lint/suspicious/noExplicitAny: the registry holds commands of every input and result
  ListCommand<any, any> | StreamCommand<any, any> | ItemCommand<any, any> | ActionCommand<any, any, any>;

export const listCommand = <S extends InputSpec, R>(command: Omit<ListCommand<S, R>, 'kind'>): ListCommand<S, R> => ({
  kind: 'list',
  ...command,
});
export const streamCommand = <S extends InputSpec, R>(
  command: Omit<StreamCommand<S, R>, 'kind'>,
): StreamCommand<S, R> => ({ kind: 'stream', ...command });
export const itemCommand = <S extends InputSpec, R>(command: Omit<ItemCommand<S, R>, 'kind'>): ItemCommand<S, R> => ({
  kind: 'item',
  ...command,
});
export const actionCommand = <S extends InputSpec, R, P>(
  command: Omit<ActionCommand<S, R, P>, 'kind'>,
): ActionCommand<S, R, P> => ({ kind: 'action', ...command });
