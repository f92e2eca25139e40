import { readFile } from 'node:fs/promises';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import type { Session } from '../postgres/server.js';

/** The last entry of the journal at some time. Kept where the database's owner cannot write, it reveals that later entries were removed. */
export interface Anchor {
  readonly seq: string;
  /** SHA-256, lower-case hex. */
  readonly hash: string;
  /** When that entry was written. */
  readonly at: string;
}

/**
 * Returns the current anchor, in the session's transaction, which it never aborts; null without a journal, without the right to read it, or
 * without entries.
 */
export async function readAnchor(session: Session): Promise<Anchor | null> {
  const [found] = await session.query<{ readable: boolean | null }>(
    `select (select has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage')
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname = 'potctl' and c.relname = 'journal' and c.relkind = 'r') as readable`,
  );
  if (!found?.readable) return null;
  const [row] = await session.query<Anchor>(
    `select seq::text, encode(hash, 'hex') as hash, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
       from potctl.journal order by potctl.journal.seq desc limit 1`,
  );
  return row ?? null;
}

/**
 * Reads an anchor from a file: what `potctl audit verify --json` printed, or a backup's manifest.
 *
 * @throws E_USAGE if the file contains none; E_IO, E_FILES_DENIED
 */
export async function readAnchorFile(file: string): Promise<Anchor> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT', 'EISDIR')) throw noAnchor(`file "${file}" not found`);
    throw fromErrno(error, `read "${file}"`);
  });
  const anchor = candidates(text).find(isAnchor);
  if (anchor !== undefined) return { seq: anchor.seq, hash: anchor.hash, at: anchor.at };
  throw noAnchor(`"${file}" does not contain an anchor`);
}

const noAnchor = (message: string): PotctlError =>
  new PotctlError('E_USAGE', message, {
    why: 'give the output of `audit verify --json`, or the manifest of a backup',
  });

function candidates(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    const item = member(value, 'item');
    return [
      value,
      member(value, 'anchor'),
      member(item, 'anchor'),
      member(member(value, 'database'), 'journal_anchor'),
    ];
  } catch {
    return [];
  }
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

function isAnchor(value: unknown): value is Anchor {
  const [seq, hash, at] = ['seq', 'hash', 'at'].map((name) => member(value, name));
  return (
    typeof seq === 'string' &&
    /^[1-9]\d{0,18}$/.test(seq) &&
    typeof hash === 'string' &&
    /^[0-9a-f]{64}$/.test(hash) &&
    typeof at === 'string'
  );
}
