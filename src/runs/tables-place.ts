import { PotctlError } from '../kernel/errors.js';
import { sqlstateOf } from '../postgres/errors.js';
import { quoteIdentifier, quoteQualified } from '../postgres/identifiers.js';
import { inSession } from '../postgres/in-session.js';
import type { Server, Session } from '../postgres/server.js';
import { isRefusal } from './database/drop-staged.js';
import { runPurpose } from './database/sessions-of-run.js';
import { superuserLine } from './database/superuser-line.js';
import type { Leftover } from './leftover.js';
import type { RunRecord, TablesMove } from './record.js';

/**
 * Moves the verified tables to their schema, in one transaction: the staging schema is renamed, or, if the schema exists, its tables move
 * there.
 *
 * @throws E_REFUSED if one of the names was taken meanwhile; E_DB_*
 */
export async function placeTables(
  server: Server,
  { run_id: run, database }: RunRecord,
  move: TablesMove,
): Promise<void> {
  const opening = server.session({ database: database!.name, purpose: runPurpose('swap', run) });
  await inSession(opening, async (session) => {
    await session.query('begin');
    try {
      await giveNames(session, move);
      await session.query('commit');
    } catch (error) {
      await session.query('rollback').catch(() => {});
      if (!['42P06', '42P07', '42710'].includes(sqlstateOf(error) ?? '')) throw error;
      throw new PotctlError('E_REFUSED', `a name in schema "${move.schema}" was taken in the meantime`, {
        cause: error,
      });
    }
  });
}

async function giveNames(session: Session, { schema, staged_schema: staged }: TablesMove): Promise<void> {
  const present = await session.query('select from pg_namespace where nspname = $1', [schema]);
  if (present.length === 0) {
    await session.query(`alter schema ${quoteIdentifier(staged)} rename to ${quoteIdentifier(schema)}`);
    return;
  }
  const tables = await session.query<{ name: string }>(
    `select relname::text as name from pg_class where relnamespace = $1::regnamespace and relkind in ('r', 'p')`,
    [quoteIdentifier(staged)],
  );
  for (const { name } of tables) {
    await session.query(`alter table ${quoteQualified(staged, name)} set schema ${quoteIdentifier(schema)}`);
  }
  await session.query(`drop schema ${quoteIdentifier(staged)} restrict`);
}

/**
 * Settles the tables of an interrupted run, based on the catalog: drops those still in the staging schema, and keeps those that reached
 * their schema.
 *
 * @returns whether they reached their schema, and a staging schema that could not be dropped
 */
export async function settleTables(
  server: Server,
  { step, database }: RunRecord,
  move: TablesMove,
): Promise<{ readonly placed: boolean; readonly left: readonly Leftover[] }> {
  const { name } = database!;
  try {
    const opening = server.session({ database: name, purpose: 'restore.recover', statementTimeoutMs: 0 });
    return await inSession(opening, (session) => settleIn(server, session, step, { ...move, database: name }));
  } catch (error) {
    // If the database is gone, so are they.
    if (error instanceof PotctlError && error.code === 'E_DATABASE_NOT_FOUND') return { placed: false, left: [] };
    throw error;
  }
}

async function settleIn(
  server: Server,
  session: Session,
  step: RunRecord['step'],
  { staged_schema: staged, schema, names, database }: TablesMove & { readonly database: string },
): Promise<{ readonly placed: boolean; readonly left: readonly Leftover[] }> {
  const waiting = await session.query('select from pg_catalog.pg_namespace where nspname = $1', [staged]);
  if (waiting.length > 0) {
    const statement = `DROP SCHEMA IF EXISTS ${quoteIdentifier(staged)} CASCADE`;
    try {
      await session.query(statement);
      return { placed: false, left: [] };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const line = await superuserLine(server, session, [{ database, statements: [statement] }]);
      return { placed: false, left: [{ kind: 'schema', name: staged, why: error.message, line }] };
    }
  }
  const [first] = names;
  if (step === 'staging' || first === undefined) return { placed: false, left: [] };
  const [row] = await session.query<{ placed: boolean }>('select pg_catalog.to_regclass($1) is not null as placed', [
    quoteQualified(schema, first),
  ]);
  return { placed: row!.placed, left: [] };
}
