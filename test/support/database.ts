import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { inject, onTestFinished } from 'vitest';

export interface TestDatabase {
  readonly name: string;
  readonly client: pg.Client;
  query<Row extends object = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** Every database whose name begins with this one's goes, too (`_restore_…`, `_before_…`). */
  drop(): Promise<void>;
}

const FIXTURES = ['3dpot', 'viu', 'evo', 'evo-production', 'all-objects'] as const;
/** Loaded often, and without roles, which would outlive their database. */
const COPIED: readonly string[] = ['3dpot', 'viu', 'evo', 'evo-production', 'native'];

/** Schemas that are kept as SQL: `native` is potctl's own template, the others are fixtures. */
export type SchemaName = (typeof FIXTURES)[number] | 'native';

export interface FreshDatabase {
  /** An application's tables, `all-objects` (one row in every kind of object), or SQL. Default: empty. */
  readonly schema?: SchemaName | (string & {});
  /** SQL that follows the schema, each text by itself. */
  readonly more?: readonly string[];
  /** Default: a name of its own. Any bytes that PostgreSQL allows. */
  readonly name?: string;
  /** After CREATE DATABASE name, e.g. `template template0 encoding 'LATIN1'`. */
  readonly options?: string;
  /** Default true: it goes when the test ends. Use false in beforeAll, and drop() in afterAll. */
  readonly dropAfterTest?: boolean;
}

/** A database of its own in the run's cluster, with an open connection. */
export async function freshDatabase(request: FreshDatabase = {}): Promise<TestDatabase> {
  const { schema, more = [], name = `test_${randomBytes(6).toString('hex')}`, dropAfterTest = true } = request;
  const schemas = schema === undefined ? more : [schema, ...more];
  const isCopied = COPIED.includes(schema ?? '') && request.options === undefined;
  const options = isCopied ? `template ${await templateOf(schemas)}` : (request.options ?? '');
  await inMaintenance(async (client) =>
    client.query(`create database ${quote(name)} ${options} ${await byFiles(client)}`),
  );
  const client = await connect(name);
  const drop = async () => {
    await client.end().catch(() => {});
    await dropFamily(name);
  };
  if (dropAfterTest) onTestFinished(drop);
  for (const one of isCopied ? [] : schemas) await client.query(await schemaSql(one));
  const query: TestDatabase['query'] = async (sql, values) => (await client.query(sql, values)).rows as never;
  return { name, client, query, drop };
}

const templates = new Map<string, Promise<string>>();

/** A database with these schemas to copy from: made once per run, by whichever worker needs it first. A copy costs a third of the SQL. */
function templateOf(schemas: readonly string[]): Promise<string> {
  const name = `schema_${createHash('sha256').update(schemas.join('\0')).digest('hex').slice(0, 12)}`;
  const made = templates.get(name) ?? inMaintenance((client) => makeTemplate(client, name, schemas));
  templates.set(name, made);
  return made;
}

async function makeTemplate(maintenance: pg.Client, name: string, schemas: readonly string[]): Promise<string> {
  await maintenance.query('select pg_advisory_lock(hashtext($1))', [name]);
  const { rowCount } = await maintenance.query('select 1 from pg_database where datname = $1', [name]);
  if (rowCount !== 0) return name;
  await maintenance.query(`create database ${name}_unfinished`);
  const client = await connect(`${name}_unfinished`);
  for (const schema of schemas) await client.query(await schemaSql(schema));
  await client.end();
  await maintenance.query(`alter database ${name}_unfinished rename to ${name}`);
  return name;
}

/** Without fsync copying files is a third of the work of logging every page. Before version 15 there was no other way. */
async function byFiles(client: pg.Client): Promise<string> {
  const { rows } = await client.query(`select current_setting('server_version_num')::int >= 150000 as chooses`);
  return rows[0].chooses ? 'strategy file_copy' : '';
}

/** A connection to any database of the run's cluster; the caller ends it. */
export async function connect(database: string, settings: pg.ClientConfig = {}): Promise<pg.Client> {
  const { host, port, user } = inject('postgres');
  const client = new pg.Client({ host, port, user, database, ...settings });
  // A swap or a drop ends connections: that is what is tested, not a crash of the test.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Runs statements on the database `postgres`. */
export async function inMaintenance<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect('postgres');
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** `"name"` as SQL. */
export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** The SQL of a schema that is kept by name; everything else is SQL itself. */
export async function schemaSql(schema: string): Promise<string> {
  if (schema === 'native') return readFile(new URL('../../templates/sql/native-1.sql', import.meta.url), 'utf8');
  if (!FIXTURES.some((name) => name === schema)) return schema;
  return readFile(new URL(`../fixtures/schemas/${schema}.sql`, import.meta.url), 'utf8');
}

async function dropFamily(name: string): Promise<void> {
  await inMaintenance(async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      `select datname from pg_database
        where datname = $1 or starts_with(datname, $1 || '_restore_') or starts_with(datname, $1 || '_before_')`,
      [name],
    );
    for (const { datname } of rows) {
      await client.query(`alter database ${quote(datname)} is_template false`);
      await client.query(`drop database if exists ${quote(datname)} with (force)`);
    }
  });
}
