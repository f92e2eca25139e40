import type { Session } from '../../postgres/server.js';
import type { DatabaseMove } from '../record.js';

/** Which database has which name at this moment. */
export interface NameFacts {
  readonly liveOid: number | null;
  readonly stagedOid: number | null;
  readonly keptOid: number | null;
}

/** The oid of the database with that name; null if there is none. */
export async function databaseOid(session: Session, name: string): Promise<number | null> {
  const [row] = await session.query<{ oid: string }>('select oid::text as oid from pg_database where datname = $1', [
    name,
  ]);
  return row === undefined ? null : Number(row.oid);
}

/** Reads which databases have the names of a move. A single statement, so that no swap can happen in between. */
export async function readNameFacts(session: Session, move: DatabaseMove): Promise<NameFacts> {
  const rows = await session.query<{ name: string; oid: string }>(
    'select datname as name, oid::text as oid from pg_database where datname = any ($1::name[])',
    [[move.name, move.incoming?.staged_as, move.outgoing?.kept_as].filter((name) => name !== undefined)],
  );
  const oidOf = (name: string | undefined): number | null => {
    const row = rows.find((candidate) => candidate.name === name);
    return row === undefined ? null : Number(row.oid);
  };
  return {
    liveOid: oidOf(move.name),
    stagedOid: oidOf(move.incoming?.staged_as),
    keptOid: oidOf(move.outgoing?.kept_as),
  };
}

/** Whether the swap of this move happened. Compares oids, not names: both renames are one transaction. Pure. */
export function isSwapped({ incoming, outgoing }: DatabaseMove, { liveOid, keptOid }: NameFacts): boolean {
  if (incoming !== null) return incoming.oid !== null && liveOid === incoming.oid;
  return outgoing !== null && liveOid !== outgoing.oid && keptOid === outgoing.oid;
}
