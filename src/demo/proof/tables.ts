import { writtenUpTo } from '../sample/writer.js';
import { ask, type Sandbox } from '../sandbox.js';

/** What a table holds. */
export interface TableContent {
  readonly rows: number;
  /** MD5 over all rows as text, in an order of their own. */
  readonly digest: string;
}

export const TABLES = ['users', 'projects', 'refresh_tokens', 'audit_log'] as const;
export type Table = (typeof TABLES)[number];

/** The content of every table of the demo that exists, up to the writer's transaction number `last` (default: all). */
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
