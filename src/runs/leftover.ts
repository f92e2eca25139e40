/** What a run made, and nobody could remove: it hinders nothing, and somebody with more rights has to take it away. */
export interface Leftover {
  readonly kind: 'database' | 'schema' | 'role' | 'files';
  /** Of a schema and a role: as it is called; of files: the directory. */
  readonly name: string;
  /** What the server or the system says. */
  readonly why: string;
  /** The shell line that removes it. */
  readonly line: string;
}

const WORDS = {
  database: 'the staging database',
  schema: 'the staging schema',
  role: 'the role',
  files: 'the staging directory',
} as const;

/** What stays, and why, without the line. Pure. */
export function describeLeftover({ kind, name, why }: Leftover): string {
  return `${WORDS[kind]} "${name}" could not be removed: ${why}`;
}
