import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import { sqlstateOf } from '../postgres/errors.js';
import { quoteIdentifier } from '../postgres/identifiers.js';
import type { Session } from '../postgres/server.js';

const FILE = 'references.tmp';
const FETCH_ROWS = 5_000;

/** Errors for a name without its schema: undefined table, function, object (a type), schema. */
const UNRESOLVED = ['42P01', '42883', '42704', '3F000'];

/**
 * Runs the operator's query in the read-only snapshot of the session, and writes the first column of each row to `<folder>/references.tmp`:
 * one JSON string per line, without NULLs. Memory use does not depend on the number of rows.
 *
 * The query runs as the role of the backup. Names resolve to the catalog only, as everywhere. If the query fails because it names no
 * schemas, it runs again with the search_path of the role, where other users may have added functions; `warn` reports that.
 *
 * @returns the file; the caller removes it
 * @throws E_CONFIG with the server's message about the query; E_NO_SPACE, E_IO, E_DB_UNREACHABLE
 */
export async function listReferenced(
  session: Session,
  query: string,
  folder: string,
  warn: (text: string) => void,
): Promise<string> {
  const file = path.join(folder, FILE);
  try {
    await listInto(file, session, query).catch(async (error: unknown) => {
      const { roleSearchPath } = session;
      if (roleSearchPath.length === 0 || !UNRESOLVED.includes(sqlstateOf(error) ?? '')) throw error;
      await rm(file, { force: true });
      await listInto(file, session, query, [...roleSearchPath.map(quoteIdentifier), 'pg_temp'].join(', '));
      warn(
        `the query 'references' names tables without their schemas, so it ran with the role's search_path (${roleSearchPath.join(', ')}): write e.g. public.projects`,
      );
    });
    return file;
  } catch (error) {
    throw toConfigError(fromErrno(error, `write "${file}"`));
  }
}

/** The rollback undoes whatever the query sets, however it ends. */
async function listInto(file: string, session: Session, query: string, searchPath?: string): Promise<void> {
  // As a subquery it can only be a single query, and its first column gets a known name.
  const text = query.replace(/;\s*(--[^\n]*\s*)*$/, '');
  await session.query('savepoint referenced');
  try {
    if (searchPath !== undefined) await session.query(`set local search_path = ${searchPath}`);
    await session.query(
      `declare potctl_referenced no scroll cursor for
       select referenced.potctl_value::pg_catalog.text as value from (${text}\n) as referenced(potctl_value)`,
      [],
    );
    await pipeline(Readable.from(readLines(session)), createWriteStream(file, { flags: 'wx', mode: 0o600 }));
  } finally {
    await session.query('rollback to savepoint referenced; release savepoint referenced').catch(() => {});
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
  if (!['E_DB_QUERY', 'E_DB_DENIED', 'E_DB_CONSTRAINT'].includes(error.code)) return error;
  return new PotctlError('E_CONFIG', `the query 'references' failed: ${error.message}`, {
    ...(error.why === undefined ? {} : { why: error.why }),
    fix: [
      'Fix `references` in the profile: it must be one SELECT whose first column is a path relative to the files directory.',
    ],
    cause: error,
  });
}
