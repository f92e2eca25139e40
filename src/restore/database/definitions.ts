import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TocEntry } from '../../dump/toc.js';
import { PotctlError } from '../../kernel/errors.js';
import { makeShortLivedFolder, removeShortLivedFolder } from '../../kernel/short-lived.js';
import type { Server } from '../../postgres/server.js';

/** A stored dump, and what is needed to read it. */
export interface DumpToRead {
  readonly server: Server;
  /** The dump directory. */
  readonly folder: string;
  /** An existing folder for a small temporary file. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** The position of a sequence in the dump. */
export interface DumpedSequence {
  /** Schema and name as SQL, quoted where necessary. */
  readonly name: string;
  readonly value: string;
  readonly called: boolean;
}

/** Counts the constraints that the dump creates without validating them. */
export async function countNotValid(dump: DumpToRead): Promise<number> {
  let found = 0;
  await readLines(dump, ['--schema-only'], (line) => {
    if (/\bNOT VALID;$/.test(line)) found += 1;
  });
  return found;
}

/** The publications in the dump FOR ALL TABLES or for whole schemas, which only a superuser may create. */
export async function superuserPublications(dump: DumpToRead): Promise<string[]> {
  const found: string[] = [];
  await readLines(dump, ['--schema-only'], (line) => {
    const name = /^CREATE PUBLICATION (.+) FOR ALL TABLES\b/.exec(line)?.[1];
    const inSchema = /^ALTER PUBLICATION (.+) ADD TABLES IN SCHEMA\b/.exec(line)?.[1];
    if (name !== undefined) found.push(`${name} FOR ALL TABLES`);
    if (inSchema !== undefined) found.push(`${inSchema} FOR TABLES IN SCHEMA`);
  });
  return found;
}

/**
 * Reads the positions of sequences from the dump itself: sequences are not covered by snapshots, so positions that were queried separately
 * may differ.
 *
 * @throws E_TOOL_FAILED if pg_restore does not print every sequence in `toc`
 */
export async function readDumpedSequences(dump: DumpToRead, toc: readonly TocEntry[]): Promise<DumpedSequence[]> {
  const entries = toc.filter(({ desc }) => desc === 'SEQUENCE SET');
  if (entries.length === 0) return [];
  const folder = await makeShortLivedFolder(dump.scratch, 'list');
  try {
    const list = path.join(folder, 'list');
    await writeFile(list, entries.map(({ dumpId }) => `${dumpId};\n`).join(''));
    const found: DumpedSequence[] = [];
    // A name may contain line feeds.
    let statement = '';
    await readLines(dump, [`--use-list=${list}`], (line) => {
      statement = line.startsWith(SETVAL) ? line : `${statement}\n${line}`;
      found.push(...parseSetval(statement));
    });
    if (found.length === entries.length) return found;
    throw new PotctlError('E_TOOL_FAILED', `pg_restore printed ${found.length} of ${entries.length} sequences`);
  } finally {
    await removeShortLivedFolder(folder);
  }
}

const SETVAL = 'SELECT pg_catalog.setval(';

/** `SELECT pg_catalog.setval('public."S"', 7, true);` Pure. */
export function parseSetval(line: string): DumpedSequence[] {
  const match = /^SELECT pg_catalog\.setval\('((?:[^']|'')+)', (-?\d+), (true|false)\);$/.exec(line);
  if (match === null) return [];
  const [, name, value, called] = match;
  return [{ name: name!.replaceAll("''", "'"), value: value!, called: called === 'true' }];
}

async function readLines(
  { server, folder, signal }: DumpToRead,
  args: readonly string[],
  onStdoutLine: (line: string) => void,
): Promise<void> {
  await server.runTool('pg_restore', [...args, '--file=-', folder], { database: 'postgres', signal, onStdoutLine });
}
