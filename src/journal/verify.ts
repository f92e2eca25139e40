import { createHash } from 'node:crypto';
import type { Server, Session } from '../postgres/server.js';
import { type Anchor, readAnchorFile } from './anchor.js';
import { type JournalRow, ROW_COLUMNS } from './entry.js';
import { requireJournal } from './installed.js';

/** The first break in the hash chain. */
export interface Break {
  /** Number of the entry; null = the head itself. */
  readonly seq: string | null;
  /**
   * `content`: the entry was changed. `link`: its previous hash is not that of the entry before it. `gap`: entries before it are missing.
   * `head`: the last entry is not the one that was appended last. `cut`: the anchor's entry is missing. `rewritten`: it differs from the anchor.
   */
  readonly kind: 'content' | 'link' | 'gap' | 'head' | 'cut' | 'rewritten';
  readonly detail: string;
}

export interface JournalReport {
  readonly ok: boolean;
  readonly checked: number;
  readonly first_break: Break | null;
  /** To be kept elsewhere, to detect later that the newest entries were removed. null = the journal is empty or broken. */
  readonly anchor: Anchor | null;
  /** Whether an anchor was compared; without one, removed newest entries cannot be detected. */
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
 * Recomputes every hash of the journal here, not in the server, whose functions an owner could have changed. Reads one snapshot with constant
 * memory.
 *
 * @param anchorFile an earlier anchor; null = none
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
      detail: `the head points to entry ${head?.seq ?? 'none'}, but the last entry is ${last.seq}`,
    });
  }
  if (anchor !== null && BigInt(anchor.seq) > last.seq) {
    return broken({
      seq: anchor.seq,
      kind: 'cut',
      detail: `the journal ends at entry ${last.seq}, but the anchor is entry ${anchor.seq}`,
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
  if (BigInt(row.seq) !== last.seq + 1n) return { kind: 'gap', detail: `the entry before it is ${last.seq}` };
  if (row.prev !== last.hash)
    return { kind: 'link', detail: 'its previous hash is not the hash of the entry before it' };
  if (hashOf(row) !== row.hash) return { kind: 'content', detail: 'it was changed after it was written' };
  if (anchor?.seq === row.seq && anchor.hash !== row.hash) {
    return { kind: 'rewritten', detail: `its hash was ${anchor.hash.slice(0, 12)}… when the anchor was made` };
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
