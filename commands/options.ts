/**
 * Flags and arguments with their types. One registry of names keeps a name's meaning the same in every command: a test fails when
 * two commands declare the same flag with a different kind of value.
 */
export interface Spec<T> {
  /** As commander writes it: `--keep-last <n>`, `-n, --dry-run`, or `[id]` and `<id>` for the one positional argument. */
  readonly declaration: string;
  readonly summary: string;
  readonly takes: 'flag' | 'text' | 'list' | 'count' | 'duration' | 'choice' | 'argument';
  readonly choices?: readonly string[];
  /** @throws PotctlError E_USAGE naming the flag and what it takes */
  parse(raw: unknown): T;
}

export type InputSpec = Readonly<Record<string, Spec<unknown>>>;
export type Input<S extends InputSpec> = { readonly [K in keyof S]: S[K] extends Spec<infer T> ? T : never };
