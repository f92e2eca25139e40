import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fromErrno, PotctlError } from '../../errors.js';
import type { Session } from '../../postgres/server.js';

const FILE = 'references.tmp';
const FETCH_ROWS = 5_000;

/**
 * Runs the operator's query in the session's snapshot, with the search_path that the role has in this database, and writes the first column
 * of each row to `<folder>/references.tmp`: one JSON string per line; NULLs are left out. Memory stays flat at any number of rows.
 *
 * @returns the file; the caller removes it
 * @throws E_CONFIG with what the server says about the query; E_NO_SPACE, E_IO, E_DB_UNREACHABLE
 */
export async function listReferenced(session: Session, query: string, folder: string): Promise<string> {
  const file = path.join(folder, FILE);
  try {
    await session.query('savepoint referenced');
    await session.query('set local search_path to default');
    // As a subquery it can be nothing but one query, and its first column gets a name of ours.
    const text = query.replace(/;\s*(--[^\n]*\s*)*$/, '');
    await session.query(
      `declare potctl_referenced no scroll cursor for
       select referenced.potctl_value::text as value from (${text}\n) as referenced(potctl_value)`,
      [],
    );
    await pipeline(Readable.from(readLines(session)), createWriteStream(file, { flags: 'wx', mode: 0o600 }));
    await session.query('close potctl_referenced');
    await session.query(`set local search_path = ''`);
    await session.query('release savepoint referenced');
    return file;
  } catch (error) {
    throw toConfigError(fromErrno(error, `write "${file}"`));
  }
}

async function* readLines(session: Session): AsyncGenerator<string> {
  for (;;) {
    const rows = await session.query<{ value: string | null }>(`fetch ${FETCH_ROWS} from potctl_referenced`);
    if (rows.length === 0) return;
    const values = rows.flatMap(({ value }) => (value === null ? [] : [`${JSON.stringify(value)}\n`]));
    yield values.join('');
  }
}

function toConfigError(error: unknown): unknown {
  if (!(error instanceof PotctlError)) return error;
  if (error.code !== 'E_DB_QUERY' && error.code !== 'E_DB_DENIED') return error;
  return new PotctlError('E_CONFIG', `the query 'references' fails: ${error.message}`, {
    ...(error.why === undefined ? {} : { why: error.why }),
    fix: ['Mend `references` in the profile: one SELECT whose first column is a path relative to the files directory.'],
    cause: error,
  });
}
