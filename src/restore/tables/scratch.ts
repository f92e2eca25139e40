import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TableRows } from '../../catalog/manifest.js';
import { ERROR_CATALOG } from '../../kernel/error-catalog.js';
import { PotctlError } from '../../kernel/errors.js';
import { again } from '../../kernel/next.js';
import { makeShortLivedFolder, removeShortLivedFolder } from '../../kernel/short-lived.js';
import { quoteIdentifier, quoteQualified } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import type { Session } from '../../postgres/server.js';
import { acceptArguments, judgeFindings } from '../../runs/accept.js';
import { stagedSchemaName } from '../../runs/names.js';
import { temporaryFolder } from '../../runs/temporary-folder.js';
import { quoteConninfo } from '../database/conninfo.js';
import { countTables } from '../database/count-tables.js';
import { watchGrowth } from '../database/growth.js';
import { createStagedDatabase } from '../database/stage.js';
import { writableEnvironment } from '../database/writable.js';
import type { RunningTables } from './running.js';
import type { LeftOut } from './select.js';

/** A table in the scratch database that has rows, now in the staging schema. */
export interface MovedTable {
  readonly name: string;
  /** Its entry in the backup; null = no exact count. */
  readonly rows: TableRows | null;
}

/** The contents of the scratch database, ready to be copied. */
export interface Scratch {
  readonly tables: readonly MovedTable[];
  /** What else is not restored, besides what the plan listed. */
  readonly leftOut: readonly LeftOut[];
}

/**
 * Restores the chosen tables and their dependencies into a scratch database, compares their row counts with the manifest, and moves them, with
 * indexes, constraints and sequences, into a staging schema there.
 *
 * @throws E_RESTORE_CHECK, E_TOOL_*, E_DB_*, E_NO_SPACE
 */
export async function fillScratch(running: RunningTables): Promise<Scratch> {
  const { phases } = running;
  await phases.run('create database', () => createScratch(running));
  await phases.run('pg_restore', () => restoreEntries(running));
  const relations = await inScratch(running, (session) => readRelations(session, running));
  const tables = relations.filter(({ kind }) => kind === 'r').map((relation) => movedOf(relation, running));
  await phases.run('checks', () => checkRows(running, running.prepared.plan.database.stagedAs, tables));
  const leftOut = await phases.run('move', () => inScratch(running, (session) => move(session, relations, running)));
  return { tables, leftOut };
}

async function createScratch({ deps, journal, prepared }: RunningTables): Promise<void> {
  const { part, plan } = prepared;
  const { stagedAs, user } = plan.database;
  const usual = {
    owner: user,
    tablespace: 'pg_default',
    connection_limit: -1,
    is_template: false,
    allow_connections: true,
  };
  const bare = { ...part, properties: { ...part.properties, ...usual } };
  const oid = await createStagedDatabase(deps.server!, stagedAs, bare, journal.record.run_id);
  await journal.update({ database: { ...journal.record.database!, incoming: { oid, staged_as: stagedAs } } });
}

async function restoreEntries({ deps, request, prepared }: RunningTables): Promise<void> {
  const { dump, selection, plan } = prepared;
  const { server, signal, progress, childEnvironment } = deps;
  const database = plan.database.stagedAs;
  const folder = await makeShortLivedFolder(temporaryFolder(childEnvironment), 'list');
  const stop = watchGrowth({ server: server!, progress }, database, plan.neededBytes / 2);
  try {
    const list = path.join(folder, 'list');
    await writeFile(list, selection.entries.map((id) => `${id};\n`).join(''));
    const args = [
      '--verbose',
      '--exit-on-error',
      '--no-owner',
      '--no-acl',
      `--jobs=${request.jobs}`,
      `--use-list=${list}`,
    ];
    const target = `--dbname=dbname=${quoteConninfo(database)}`;
    const environment = await writableEnvironment(server!, database);
    await server!.runTool('pg_restore', [...args, target, dump], { database, signal, environment });
  } finally {
    await stop();
    await removeShortLivedFolder(folder);
  }
}

function inScratch<T>({ deps, prepared }: RunningTables, work: (session: Session) => Promise<T>): Promise<T> {
  const { stagedAs: database } = prepared.plan.database;
  return inSession(deps.server!.session({ database, purpose: 'restore.tables', statementTimeoutMs: 0 }), work);
}

interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly kind: 'r' | 'p';
}

/** The chosen tables and all their partitions, parents first. */
async function readRelations(session: Session, { prepared }: RunningTables): Promise<Relation[]> {
  const found: Relation[] = [];
  for (const { schema, name } of prepared.selection.tables) {
    const rows = await session.query<Relation>(
      `with recursive tree as (
         select $1::regclass::oid as oid
         union all
         select i.inhrelid from tree join pg_inherits i on i.inhparent = tree.oid join pg_class c on c.oid = i.inhrelid
          where c.relispartition)
       select n.nspname::text as schema, c.relname::text as name, c.relkind::text as kind
         from tree join pg_class c on c.oid = tree.oid join pg_namespace n on n.oid = c.relnamespace`,
      [quoteQualified(schema, name)],
    );
    found.push(...rows);
  }
  const foreign = found.find(({ kind }) => kind !== 'r' && kind !== 'p');
  if (foreign === undefined) return found;
  throw new PotctlError('E_REFUSED', `the partition "${foreign.schema}"."${foreign.name}" is a foreign table`, {
    why: 'its rows are not in the backup',
  });
}

function movedOf({ schema, name }: Relation, { prepared }: RunningTables): MovedTable & { readonly schema: string } {
  const { tables } = prepared.part.inventory;
  const rows = tables.find((one) => one.schema === schema && one.table === name);
  return { schema, name, rows: rows?.exact === true && rows.count !== null ? rows : null };
}

/**
 * Compares row counts with those of the backup.
 *
 * @param schema where the tables are now; default: their original schema
 * @throws E_RESTORE_CHECK
 */
export async function checkRows(
  { deps, request, journal }: RunningTables,
  database: string,
  tables: readonly MovedTable[],
  schema?: string,
): Promise<void> {
  const { signal, progress } = deps;
  const counted = tables.flatMap(({ rows }) => (rows === null ? [] : [{ ...rows, schema: schema ?? rows.schema }]));
  const server = deps.server!;
  const opening = server.session({ database, purpose: 'restore.count', statementTimeoutMs: 0 });
  const { findings } = await inSession(opening, (session) =>
    countTables(server, session, { name: database, jobs: request.jobs, signal, progress }, counted),
  );
  // A name that contains the run id could not be accepted in the next run.
  const named = findings.map((finding) => ({ ...finding, name: originalName(finding.name, tables, schema) }));
  const { refused, accepted } = judgeFindings(named, request.accept);
  await journal.update({ accepted: [...(journal.record.accepted ?? []), ...accepted] });
  if (refused.length === 0) return;
  throw new PotctlError('E_RESTORE_CHECK', 'the restored tables do not match the backup', {
    why: refused
      .slice(0, 8)
      .map(({ detail }) => detail)
      .join('\n'),
    changedDetail: 'the restored tables were removed; the live tables were not changed',
    fix: [
      ...ERROR_CATALOG.E_RESTORE_CHECK.remedy,
      'Or accept the differences, which are then recorded in the run:',
      again(...acceptArguments(refused)),
    ],
  });
}

function originalName(name: string, tables: readonly MovedTable[], schema: string | undefined): string {
  const prefix = `rows:${schema}.`;
  if (schema === undefined || !name.startsWith(prefix)) return name;
  const counted = tables.flatMap(({ rows }) => (rows === null ? [] : [rows]));
  // A partition root has no rows of its own: it was in the schema of its partitions.
  const table = counted.find((rows) => name === `${prefix}${rows.table}`) ?? counted[0]!;
  return `rows:${table.schema}.${name.slice(prefix.length)}`;
}

/** Removes inheritance from tables that are not moved: a restored table must not become a child of a live one. */
async function move(session: Session, relations: readonly Relation[], { journal }: RunningTables): Promise<LeftOut[]> {
  const staged = stagedSchemaName(journal.record.run_id);
  const leftOut: LeftOut[] = [];
  await session.query(`create schema ${quoteIdentifier(staged)}`);
  for (const { schema, name } of relations) {
    await session.query(`alter table ${quoteQualified(schema, name)} set schema ${quoteIdentifier(staged)}`);
  }
  const outside = await session.query<{ child: string; name: string; parent: string }>(
    `select i.inhrelid::regclass::text as child, c.relname::text as name, i.inhparent::regclass::text as parent
       from pg_inherits i
       join pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p')
       join pg_class p on p.oid = i.inhparent
      where c.relnamespace = $1::regnamespace and p.relnamespace <> $1::regnamespace`,
    [quoteIdentifier(staged)],
  );
  for (const { child, name, parent } of outside) {
    await session.query(`alter table ${child} no inherit ${parent}`);
    leftOut.push({ kind: 'inheritance', name: `${name} from ${parent}` });
  }
  return leftOut;
}
