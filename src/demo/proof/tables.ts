import { writtenUpTo } from '../sample/writer.js';
import { ask, type Sandbox } from '../sandbox.js';

/** The content of a table. */
export interface TableContent {
  readonly rows: number;
  /** MD5 of the sorted MD5s of all rows. */
  readonly digest: string;
}

export const TABLES = ['users', 'projects', 'refresh_tokens', 'audit_log'] as const;
export type Table = (typeof TABLES)[number];

/** Reads the content of every existing table of the demo, up to the writer's transaction number `last` (default: all). */
export async function readTables(sandbox: Sandbox, last = Number.MAX_SAFE_INTEGER): Promise<Map<Table, TableContent>> {
  const present = new Set(await ask(sandbox, `select tablename from pg_tables where schemaname = 'public'`));
  const content = new Map<Table, TableContent>();
  for (const table of TABLES.filter((name) => present.has(name))) {
    content.set(table, await readTable(sandbox, table, Math.min(last, 2_147_483_647)));
  }
  return content;
}

async function readTable(sandbox: Sandbox, table: Table, last: number): Promise<TableContent> {
  const [line = ''] = await ask(
    sandbox,
    `select count(*), md5(coalesce(string_agg(digest, '' order by digest), ''))
       from (select md5(row::text) as digest from ${table} as row where ${writtenUpTo(table, last)}) as rows`,
  );
  const [rows = '', digest = ''] = line.split('|');
  return { rows: Number(rows), digest };
}
