import { setTimeout as delay } from 'node:timers/promises';
import { PotctlError } from '../../kernel/errors.js';
import { sqlstateOf } from '../../postgres/errors.js';
import { quoteIdentifier, quoteLiteral } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server, Session } from '../../postgres/server.js';
import type { Leftover } from '../leftover.js';
import { endSessions } from './busy.js';
import { dropSubscriptions, readSubscriptions } from './subscriptions.js';
import { superuserLine } from './superuser-line.js';

const ATTEMPTS = 3;
const BETWEEN_MS = 500;
const IN_USE = '55006';

/**
 * Drops a database that one of our runs created, with everything that blocks this: sessions, subscriptions, slots. A missing database is no
 * error.
 *
 * @returns what the server refuses to drop, and the command that does it; null = it is gone
 * @throws E_DB_* if the server cannot be asked
 */
export async function dropStagedDatabase(server: Server, name: string): Promise<Leftover | null> {
  return inSession(server.maintenanceSession('restore.drop'), async (session) => {
    const found = await readStaged(session, name);
    if (found === null) return null;
    try {
      await drop(server, session, name, found);
      return null;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { message } = error;
      return { kind: 'database', name, why: message, line: await lineThatDrops(server, session, name) };
    }
  });
}

/** Whether the server, or a guard in front of this database, refused; the server itself is reachable. */
export function isRefusal(error: unknown): error is PotctlError {
  if (!(error instanceof PotctlError)) return false;
  return error.code !== 'E_DB_UNREACHABLE' && sqlstateOf(error) !== undefined;
}

interface Staged {
  readonly oid: number;
  readonly template: boolean;
}

async function readStaged(session: Session, name: string): Promise<Staged | null> {
  const [row] = await session.query<{ oid: string; template: boolean }>(
    'select oid::text as oid, datistemplate as template from pg_catalog.pg_database where datname = $1',
    [name],
  );
  return row === undefined ? null : { ...row, oid: Number(row.oid) };
}

async function drop(server: Server, session: Session, name: string, { oid, template }: Staged): Promise<void> {
  const force = session.versionNum >= 130_000 ? ' with (force)' : '';
  await session.query('set statement_timeout = 0');
  if (template) await session.query(`alter database ${quoteIdentifier(name)} is_template false`);
  await dropSubscriptions(server, session, name);
  for (let attempt = 1; ; attempt += 1) {
    try {
      // Also ends what FORCE ignores: readers of a logical slot of this database.
      await endSessions(session, [oid]);
      await session.query(`drop database if exists ${quoteIdentifier(name)}${force}`);
      return;
    } catch (error) {
      if (sqlstateOf(error) !== IN_USE || attempt === ATTEMPTS) throw error;
      await delay(BETWEEN_MS);
    }
  }
}

/** The command for a superuser: first everything that blocks dropping the database. A subscription's slot stays at its publisher. */
export async function lineThatDrops(server: Server, session: Session, name: string): Promise<string> {
  const database = quoteIdentifier(name);
  const [row] = await session.query<{ connectable: boolean; template: boolean }>(
    'select datallowconn as connectable, datistemplate as template from pg_catalog.pg_database where datname = $1',
    [name],
  );
  const subscriptions = (await readSubscriptions(session, name)).map((one) => quoteIdentifier(one.name));
  const prepared = await session.query<{ gid: string }>(
    'select gid from pg_catalog.pg_prepared_xacts where database = $1 order by gid',
    [name],
  );
  const inside = [
    ...prepared.map(({ gid }) => `ROLLBACK PREPARED ${quoteLiteral(gid)}`),
    ...subscriptions.flatMap((one) => [
      `ALTER SUBSCRIPTION ${one} DISABLE`,
      `ALTER SUBSCRIPTION ${one} SET (slot_name = NONE)`,
      `DROP SUBSCRIPTION ${one}`,
    ]),
  ];
  const before =
    inside.length > 0 && row?.connectable === false ? [`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`] : [];
  const force = session.versionNum >= 130_000 ? ' WITH (FORCE)' : '';
  const after = [
    ...(row?.template ? [`ALTER DATABASE ${database} IS_TEMPLATE false`] : []),
    `DROP DATABASE IF EXISTS ${database}${force}`,
  ];
  return superuserLine(server, session, [
    { database: 'postgres', statements: before },
    { database: name, statements: inside },
    { database: 'postgres', statements: after },
  ]);
}
