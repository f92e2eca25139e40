import { counted, verb } from '../../kernel/counted.js';
import { PotctlError } from '../../kernel/errors.js';
import { sqlstateOf } from '../../postgres/errors.js';
import { quoteIdentifier } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server, Session } from '../../postgres/server.js';
import { lineThatDrops } from '../../runs/database/drop-staged.js';
import { dropSubscriptions, isDetached, readSubscriptions } from '../../runs/database/subscriptions.js';
import { readSystemIdentifier } from '../../runs/database/system-identifier.js';
import type { RunRecord } from '../../runs/record.js';

/** A previous database that a run kept, or one that is named like it. */
export interface SeenDatabase {
  readonly oid: number;
  readonly name: string;
  /** The run that kept it; null = unknown. */
  readonly record: RunRecord | null;
  readonly bytes: number | null;
  /** When its files were last written; null if this role cannot read that. */
  readonly lastWrite: string | null;
  /** Why it must not be removed, whatever its age. */
  readonly obstacle: string | null;
}

interface Row {
  readonly oid: number;
  readonly name: string;
  readonly sessions: number;
}

/**
 * Finds the databases that runs kept, by oid, and others with similar names.
 *
 * @param live name of the target's database; null = none
 */
export async function observeDatabases(
  server: Server | null,
  records: readonly RunRecord[],
  live: string | null,
): Promise<{ readonly seen: readonly SeenDatabase[]; readonly warnings: readonly string[] }> {
  const moved = records.filter(({ database }) => database?.outgoing != null);
  if (server === null) {
    return {
      seen: [],
      warnings: moved.length === 0 ? [] : ['no server was contacted: previous databases were not checked'],
    };
  }
  const system = await readSystemIdentifier(server);
  const here = moved.filter(({ database }) => system === null || (database!.system_identifier ?? system) === system);
  const seen = await inSession(server.maintenanceSession('restore.old'), async (session) => {
    const rows = await readRows(session);
    const kept = rows.flatMap((row) => keptOf(row, here));
    const alike = rows.filter(({ oid, name }) => isAlike(name, live) && !kept.some((one) => one.oid === oid));
    const found = [...kept, ...alike.map((row) => ({ ...row, record: null, obstacle: null }))];
    const measured: SeenDatabase[] = [];
    for (const one of found) measured.push({ ...one, ...(await measure(session, one.oid)) });
    return measured;
  });
  const elsewhere = moved.length - here.length;
  return {
    seen,
    warnings:
      elsewhere === 0 ? [] : [`previous databases of ${elsewhere} runs are on another server and were not checked`],
  };
}

function readRows(session: Session): Promise<Row[]> {
  return session.query<Row>(
    `select d.oid::int8::float8 as oid, d.datname::text as name,
            (select count(*)::int from pg_stat_activity a
              where a.datid = d.oid and a.backend_type is distinct from 'autovacuum worker') as sessions
       from pg_database d order by d.datname`,
  );
}

const isAlike = (name: string, live: string | null): boolean => live !== null && name.startsWith(`${live}_before_`);

/** The newest run that kept a database decides: one that came back by an undo and was replaced again was kept by the later run. */
function keptOf(row: Row, records: readonly RunRecord[]): Omit<SeenDatabase, 'bytes' | 'lastWrite'>[] {
  const record = records.findLast(({ database }) => database!.outgoing!.oid === row.oid);
  if (record === undefined || isLive(row.name, records)) return [];
  const isRenamed = record.database!.outgoing!.kept_as !== row.name;
  const obstacle = isRenamed
    ? `it was renamed; its run kept it as "${record.database!.outgoing!.kept_as}"`
    : row.sessions > 0
      ? `${counted(row.sessions, 'session')} ${verb(row.sessions, 'is', 'are')} connected to it`
      : null;
  return [{ oid: row.oid, name: row.name, record, obstacle }];
}

const isLive = (name: string, records: readonly RunRecord[]): boolean =>
  records.some(({ database }) => database!.name === name);

async function measure(session: Session, oid: number): Promise<Pick<SeenDatabase, 'bytes' | 'lastWrite'>> {
  const [size] = await session
    .query<{ bytes: string }>('select pg_database_size($1::oid)::text as bytes', [oid])
    .catch(() => []);
  const [file] = await session
    .query<{ at: string | null }>(
      `select to_char(max((pg_stat_file(format('base/%s/%s', $1::oid, name), true)).modification) at time zone 'UTC',
                      'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
         from pg_ls_dir(format('base/%s', $1::oid), true, false) as name`,
      [oid],
    )
    .catch(() => []);
  return { bytes: size === undefined ? null : Number(size.bytes), lastWrite: file?.at ?? null };
}

/**
 * Drops a previous database, if it is still the one that was inspected and nobody is connected.
 *
 * @returns why it was not dropped; null = it is gone
 * @throws E_DB_*
 */
export async function dropKept(
  server: Server,
  { name, record }: Pick<SeenDatabase, 'name' | 'record'>,
): Promise<string | null> {
  const { oid, kept_as: keptAs } = record!.database!.outgoing!;
  return inSession(server.maintenanceSession('restore.drop'), async (session) => {
    const now = (await readRows(session)).find((row) => row.oid === oid);
    if (now === undefined) return null;
    if (now.name !== keptAs || now.name !== name) return 'it was renamed in the meantime';
    if (now.sessions > 0)
      return `${counted(now.sessions, 'session')} ${verb(now.sessions, 'is', 'are')} connected to it`;
    await session.query('set statement_timeout = 0');
    await session.query(`alter database ${quoteIdentifier(name)} is_template false`).catch(() => {});
    const subscriptions = await readSubscriptions(session, name);
    try {
      // A working subscription, or one with a slot at a publisher, is for the operator to drop.
      if (subscriptions.every(isDetached)) await dropSubscriptions(server, session, name);
      // Without FORCE: if a client has just connected, the database is kept.
      await session.query(`drop database ${quoteIdentifier(name)}`);
      return null;
    } catch (error) {
      if (sqlstateOf(error) === undefined) throw error;
      const message = error instanceof PotctlError ? error.message : String(error);
      if (subscriptions.length === 0) return message;
      return `${message}; to drop it with its subscription: ${await lineThatDrops(server, session, name)}`;
    }
  });
}
