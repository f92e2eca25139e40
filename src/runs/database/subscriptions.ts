import { quoteIdentifier, quoteLiteral } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server, Session } from '../../postgres/server.js';

/** A logical replication subscription of a database. */
export interface Subscription {
  readonly name: string;
  readonly enabled: boolean;
  /** Its slot at the publisher; null = none. */
  readonly slot: string | null;
}

/** The subscriptions of a database; works from any database. */
export function readSubscriptions(session: Session, database: string): Promise<Subscription[]> {
  return session.query<Subscription>(
    `select s.subname::text as name, s.subenabled as enabled, s.subslotname::text as slot
       from pg_catalog.pg_subscription s
       join pg_catalog.pg_database d on d.oid = s.subdbid
      where d.datname = $1
      order by s.subname`,
    [database],
  );
}

/**
 * Disables the subscriptions of a restored database and removes their slots: a slot belongs to the live database, and a copy that has it
 * would drop it at the publisher when it is dropped itself.
 *
 * @returns the statements that resume each one, for an operator who decides to
 */
export async function detachSubscriptions(server: Server, database: string): Promise<string[]> {
  const found = await inSession(server.maintenanceSession('restore.subscriptions'), (session) =>
    readSubscriptions(session, database),
  );
  if (found.length === 0) return [];
  await inSession(server.session({ database, purpose: 'restore.subscriptions' }), (session) => detach(session, found));
  return found.map(({ name, slot }) => {
    const quoted = quoteIdentifier(name);
    return `ALTER SUBSCRIPTION ${quoted} SET (slot_name = ${quoteLiteral(slot ?? name)}); ALTER SUBSCRIPTION ${quoted} ENABLE;`;
  });
}

/** Whether it is as a restore leaves it: disabled, and without a slot. Pure. */
export const isDetached = ({ enabled, slot }: Subscription): boolean => !enabled && slot === null;

/** Drops the subscriptions of a database that is to be dropped: DROP DATABASE refuses while it has one. Does not contact publishers. */
export async function dropSubscriptions(server: Server, session: Session, database: string): Promise<void> {
  const found = await readSubscriptions(session, database);
  if (found.length === 0) return;
  await inSession(server.session({ database, purpose: 'restore.drop' }), async (inside) => {
    await detach(inside, found);
    for (const { name } of found) await inside.query(`drop subscription ${quoteIdentifier(name)}`);
  });
}

/** In this order: only a disabled subscription gives up its slot. */
async function detach(session: Session, subscriptions: readonly Subscription[]): Promise<void> {
  for (const { name, enabled, slot } of subscriptions) {
    if (enabled) await session.query(`alter subscription ${quoteIdentifier(name)} disable`);
    if (slot !== null) await session.query(`alter subscription ${quoteIdentifier(name)} set (slot_name = none)`);
  }
}
