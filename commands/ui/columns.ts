/** One column of a list, the single source of table, plain, csv and ndjson order. */
export interface Column<R> {
  /** `--columns` name, lower case; the header is its upper case. */
  readonly name: string;
  /** What a person sees; control characters are made visible by the drawing code. `now` is for ages. */
  text(row: R, now: Date): string;
  /** What plain and csv carry instead: full ids, RFC 3339, integer bytes. Default: `text`. */
  machine?(row: R): string;
  /** 1 = always there; higher numbers are dropped first when the screen is narrow. Default 1. */
  readonly priority?: number;
  /** Only with --wide or when named. */
  readonly wide?: true;
  /** May be cut with `…` (never ids, times, amounts). */
  readonly flexible?: true;
  readonly align?: 'right';
  /** Sort key for --sort. */
  sortKey?(row: R): string | number;
}
