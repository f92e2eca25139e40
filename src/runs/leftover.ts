/** Something that a run created and could not remove. It does no harm, but somebody with more privileges has to remove it. */
export interface Leftover {
  readonly kind: 'database' | 'schema' | 'role' | 'files';
  /** The name of the database, schema or role; for files, the directory. */
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

/** Names the leftover and why it was not removed, without the command. Pure. */
export function describeLeftover({ kind, name, why }: Leftover): string {
  return `${WORDS[kind]} "${name}" could not be removed: ${why}`;
}
