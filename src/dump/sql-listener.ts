/** Who is told what a script of SQL consists of. What it throws stops the reading. */
export interface SqlListener {
  /**
   * A statement is complete: its text without comments, cut to 64 KiB; `tuples` are the parentheses at its outermost level after VALUES.
   * Returns true when rows for COPY follow on the next lines.
   */
  statement(text: string, tuples: number): boolean;
  /**
   * A line of rows is complete, `bytes` long with its end; the last line `\.` is none. `tabs` are those that part two columns, null where an
   * escaped one makes that uncertain.
   */
  row(bytes: number, tabs: number | null): void;
  /** A line comment, without its dashes, cut. */
  comment(text: string): void;
  /** A backslash command of psql, to the end of its line, cut. */
  command(text: string): void;
}

/** Reads a script as psql reads it, with flat memory. */
export interface SqlLexer {
  /** Takes the next bytes, cut anywhere, and returns those that are no backslash commands. */
  push(chunk: Buffer): Buffer[];
  /** Is everything that was begun finished? Otherwise the script was cut. */
  isWhole(): boolean;
  /** What stands behind the last whole statement, without comments. */
  rest(): string;
}
