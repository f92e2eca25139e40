import type { ExitCode } from '../src/kernel/error-catalog.js';
import type { Advice } from '../src/kernel/next.js';
import type { Prepared } from '../src/kernel/prepared.js';
import type { Need } from './cli/parse/globals.js';
import type { Input, InputSpec } from './cli/parse/options.js';
import type { Verbatim } from './cli/run/json.js';
import type { Context } from './context.js';
import type { Column } from './ui/columns.js';
import type { View } from './ui/view.js';

/** The step in front of what cannot be undone: shown first, then confirmed by typing `phrase`. */
export interface Gate<P> {
  /** Draws what will happen, on stderr. */
  renderPlan(plan: P, view: View): void;
  /** What must be typed, or given as `--confirm`. */
  phrase(plan: P): string;
  /** `--yes` is enough: what is done can be taken back by one statement. */
  readonly mild?: true;
  /** True where the plan replaces and removes nothing: then nobody is asked, but a wrong `--confirm` still refuses. */
  isAddition?(plan: P): boolean;
}

interface Common<S extends InputSpec> {
  /** `backup list` lives in commands/backup/list.ts; a top command `doctor` in commands/top/doctor.ts. */
  readonly name: string;
  /** Lower-case fragment without a full stop. */
  readonly summary: string;
  /** Each one is parsed by a test with the real parser. Examples come first in the help. */
  readonly examples: readonly string[];
  readonly input: S;
  /** What it opens or asks the name of: it takes the flags that say where these are, and no others. */
  readonly needs: readonly Need[];
  /** Works the same everywhere: it does not read the configuration either. */
  readonly standalone?: true;
  /**
   * JSON has the keys of a result in snake_case. Not so within these members, at every depth: their keys are names that somebody chose, or
   * they are documents of another form. `true`: the whole result.
   */
  readonly verbatim?: Verbatim;
}

/** Many things: gets table, plain, csv, ndjson, --limit, --columns, --sort and `page` from its columns. */
export interface ListCommand<S extends InputSpec, R> extends Common<S> {
  readonly kind: 'list';
  readonly columns: readonly Column<R>[];
  /** When a row happened, RFC 3339: the list takes --since and --until then. */
  at?(row: R): string;
  /** Rows have no advice in them: `context.live.spelled` makes it text. */
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

/** The same, of which there may be millions: rows are written out while they are read, in the one order that the source has. */
export interface StreamCommand<S extends InputSpec, R> extends Common<S> {
  readonly kind: 'stream';
  readonly columns: readonly Column<R>[];
  /** What the next page begins behind. */
  key(row: R): string;
  /** @param page `after`: the key of the last row of the page before; `limit` rows are enough, 0 = all */
  run(
    input: Input<S>,
    context: Context,
    page: { readonly after: string | null; readonly limit: number },
  ): AsyncIterable<readonly R[]>;
}

/** Rows that are read while they are written out: there may be millions of them. */
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
  /** undefined = this time it is about the one thing; else many things within it, in all formats of a list. */
  // biome-ignore lint/suspicious/noExplicitAny: rows of any shape, drawn by their own columns
  rows?(input: Input<S>, context: Context): Promise<Rows<any> | undefined>;
  run(input: Input<S>, context: Context): Promise<R>;
  render(result: R, view: View): void;
  exitCode?(result: R): ExitCode;
}

/** A change: `result`, `changed`, `dry_run`, `run_id` in JSON. `-n/--dry-run` is added to its flags, and `--confirm` where it has a gate. */
export interface ActionCommand<S extends InputSpec, R, P> extends Common<S> {
  readonly kind: 'action';
  readonly gate?: Gate<P>;
  /** All or nothing: its work appears in one step at the end, so that an interruption has changed nothing. */
  readonly atomic?: true;
  /** A conversation: it asks at the terminal for everything that the flags of changes would say, and takes of them --operator alone. */
  readonly asks?: true;
  /** Looks, changes nothing, and gives the change as one value. @throws what makes it impossible */
  prepare(input: Input<S>, context: Context): Promise<Prepared<P, R>>;
  render(result: R, view: View): void;
  /** Default true unless dry run. */
  changed?(result: R): boolean;
  /** What was changed, in a sentence without its full stop: for an error that comes after it, when nobody sees `render`. */
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
