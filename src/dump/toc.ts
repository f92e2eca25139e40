import type { Server } from '../postgres/server.js';

/** One entry of a dump's table of contents. */
export interface TocEntry {
  readonly dumpId: number;
  /** The oid of the object in the dumped database; for TABLE DATA that of the table; 0 if it has none. */
  readonly oid: number;
  /** `TABLE DATA`, `SEQUENCE SET`, … */
  readonly desc: string;
  /**
   * For messages, not for lookups: pg_restore prints names without quotes and replaces line breaks by blanks, so names with blanks cannot
   * be split reliably. `oid` and `dumpId` are exact.
   */
  readonly schema: string | null;
  readonly name: string;
  readonly owner: string;
}

/** Types of more than one word, and all that could be mistaken for the start of one. */
const DESCRIPTIONS = [
  'ACCESS METHOD', 'BLOB COMMENTS', 'BLOB METADATA', 'CHECK CONSTRAINT', 'DATABASE PROPERTIES', 'DEFAULT ACL', 'EVENT TRIGGER',
  'FK CONSTRAINT', 'FOREIGN DATA WRAPPER', 'FOREIGN SERVER', 'FOREIGN TABLE', 'INDEX ATTACH', 'LARGE OBJECT', 'MATERIALIZED VIEW DATA',
  'MATERIALIZED VIEW', 'OPERATOR CLASS', 'OPERATOR FAMILY', 'PROCEDURAL LANGUAGE', 'PUBLICATION TABLES IN SCHEMA', 'PUBLICATION TABLE',
  'ROW SECURITY', 'SECURITY LABEL', 'SEQUENCE OWNED BY', 'SEQUENCE SET', 'SHELL TYPE', 'STATISTICS DATA', 'SUBSCRIPTION TABLE',
  'TABLE ATTACH', 'TABLE DATA', 'TEXT SEARCH CONFIGURATION', 'TEXT SEARCH DICTIONARY', 'TEXT SEARCH PARSER', 'TEXT SEARCH TEMPLATE',
  'USER MAPPING',
]; // biome-ignore format: a table of words

/**
 * Reads the table of contents of a directory dump with `pg_restore --list`, in the order of the archive. Says nothing about the data files:
 * pg_restore does not read them.
 *
 * @param server its pg_restore is used; nothing is connected beyond what finding the tool requires
 * @param folder the dump directory
 * @throws E_TOOL_FAILED if pg_restore cannot read it
 */
export async function readToc(
  server: Pick<Server, 'runTool'>,
  folder: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<TocEntry[]> {
  const lines: string[] = [];
  const onStdoutLine = (line: string) => lines.push(line);
  await server.runTool('pg_restore', ['--list', folder], { database: 'postgres', signal, onStdoutLine });
  return parseToc(lines.join('\n'));
}

/** Parses the output of `pg_restore --list`; lines that start with `;` are comments. */
export function parseToc(text: string): TocEntry[] {
  return text
    .split('\n')
    .map((line) => /^(\d+); (\d+) (\d+) (.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, dumpId, , oid, rest]) => {
      const desc = DESCRIPTIONS.find((words) => rest!.startsWith(`${words} `)) ?? rest!.split(' ', 1)[0]!;
      return { dumpId: Number(dumpId), oid: Number(oid), desc, ...splitNames(rest!.slice(desc.length + 1)) };
    });
}

/** Splits `schema name owner`; the schema is `-` for objects without one. */
function splitNames(rest: string): Pick<TocEntry, 'schema' | 'name' | 'owner'> {
  const schema = rest.split(' ', 1)[0]!;
  const tail = rest.slice(schema.length + 1);
  const at = tail.lastIndexOf(' ');
  return {
    schema: schema === '-' ? null : schema,
    name: at === -1 ? tail : tail.slice(0, at),
    owner: at === -1 ? '' : tail.slice(at + 1),
  };
}
