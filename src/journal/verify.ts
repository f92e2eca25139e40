import { createHash } from 'node:crypto';
import type { Server, Session } from '../postgres/server.js';
import { type Anchor, readAnchorFile } from './anchor.js';
import { type JournalRow, ROW_COLUMNS } from './entry.js';
import { requireJournal } from './installed.js';

/** Where the chain is broken first, and how. */
export interface Break {
  /** The number of the entry; null = the head itself. */
  readonly seq: string | null;
  /**
   * `content`: its text is not what was hashed. `link`: it does not follow on the one before. `gap`: entries are missing in front of it.
   * `head`: the last entry is not the one that was appended last. `cut`: the anchor's entry is gone. `rewritten`: it is another one.
   */
  readonly kind: 'content' | 'link' | 'gap' | 'head' | 'cut' | 'rewritten';
  readonly detail: string;
}

export interface JournalReport {
  readonly ok: boolean;
  readonly checked: number;
  readonly first_break: Break | null;
  /** To be kept elsewhere: only with it a cut tail can be seen later. null = the journal is empty or broken. */
  readonly anchor: Anchor | null;
  /** false = without one, a cut tail cannot be seen. */
  readonly anchored: boolean;
}

interface StoredRow extends JournalRow {
  readonly prev: string;
  readonly hash: string;
}

const PAGE = 2_000;
const TAG = Buffer.from('706f7463746c01', 'hex');
const GENESIS = '00';

/**
 * Recomputes every hash of the journal, here and not in the server, whose functions an owner could have changed. One snapshot; memory is
 * flat at any length.
 *
 * @param anchorFile what was seen earlier; null = nothing
 * @throws E_USAGE (no anchor in that file), E_SETUP_MISSING, E_SETUP_NEWER, E_DB_DENIED, E_DB_*
 */
export async function verifyJournal(server: Server, anchorFile: string | null): Promise<JournalReport> {
  const anchor = anchorFile === null ? null : await readAnchorFile(anchorFile);
  const session = await server.session({ purpose: 'audit.verify', statementTimeoutMs: 0 });
  try {
    await session.query('begin transaction isolation level repeatable read, read only');
    await requireJournal(session);
    return await walk(session, anchor);
  } finally {
    await session.close();
  }
}

async function walk(session: Session, anchor: Anchor | null): Promise<JournalReport> {
  let last = { seq: 0n, hash: GENESIS, at: '' };
  let checked = 0;
  const broken = (first_break: Break): JournalReport => {
    return { ok: false, checked, first_break, anchor: null, anchored: anchor !== null };
  };
  for await (const row of rowsOf(session)) {
    const problem = breakOf(row, last, anchor);
    if (problem !== null) return broken({ seq: row.seq, ...problem });
    last = { seq: BigInt(row.seq), hash: row.hash, at: row.at };
    checked += 1;
  }
  const [head] = await session.query<{ seq: string; hash: string }>(
    `select seq::text, encode(hash, 'hex') as hash from potctl.journal_head`,
  );
  if (head === undefined || BigInt(head.seq) !== last.seq || head.hash !== last.hash) {
    return broken({
      seq: null,
      kind: 'head',
      detail: `the head says ${head?.seq ?? 'nothing'}, the last entry is ${last.seq}`,
    });
  }
  if (anchor !== null && BigInt(anchor.seq) > last.seq) {
    return broken({
      seq: anchor.seq,
      kind: 'cut',
      detail: `the journal ends at ${last.seq}, the anchor is ${anchor.seq}`,
    });
  }
  const now = checked === 0 ? null : { seq: String(last.seq), hash: last.hash, at: last.at };
  return { ok: true, checked, first_break: null, anchor: now, anchored: anchor !== null };
}

async function* rowsOf(session: Session): AsyncGenerator<StoredRow> {
  for (let after = '-9223372036854775808'; ; ) {
    const rows = await session.query<StoredRow>(
      `select ${ROW_COLUMNS}, encode(prev_hash, 'hex') as prev, encode(hash, 'hex') as hash
         from potctl.journal where potctl.journal.seq > $1::bigint order by potctl.journal.seq limit ${PAGE}`,
      [after],
    );
    yield* rows;
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.seq;
  }
}

function breakOf(
  row: StoredRow,
  last: { readonly seq: bigint; readonly hash: string },
  anchor: Anchor | null,
): Omit<Break, 'seq'> | null {
  if (BigInt(row.seq) !== last.seq + 1n) return { kind: 'gap', detail: `it follows on ${last.seq}` };
  if (row.prev !== last.hash) return { kind: 'link', detail: 'it was not appended after the entry before it' };
  if (hashOf(row) !== row.hash) return { kind: 'content', detail: 'it was changed after it was written' };
  if (anchor?.seq === row.seq && anchor.hash !== row.hash) {
    return { kind: 'rewritten', detail: `its hash was ${anchor.hash.slice(0, 12)}… when the anchor was taken` };
  }
  return null;
}

/** @see templates/sql/potctl-1.sql, potctl.row_hash */
function hashOf(row: StoredRow): string {
  const { at, db_role, operator, action, target, reason, ticket, status, run_id, trace_id, details } = row;
  const seq = Buffer.alloc(8);
  seq.writeBigInt64BE(BigInt(row.seq));
  const fields = [at, db_role, operator, action, target, reason, ticket, status, run_id, trace_id, details];
  const hash = createHash('sha256').update(TAG).update(seq);
  for (const field of fields) hash.update(withLength(field));
  return hash.update(Buffer.from(row.prev, 'hex')).digest('hex');
}

function withLength(text: string | null): Buffer {
  if (text === null) return Buffer.from('ffffffff', 'hex');
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
