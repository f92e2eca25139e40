import { chmod, lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { connect, freshDatabase, type TestDatabase } from './database.js';
import { type OldBackup, type OldFiles, oldBackup } from './old-scripts.js';
import type { Ran } from './run-cli.js';
import { potctlHere } from './run-main.js';
import { describeTree, makeTree, temporaryFolder } from './tree.js';

const SCHEMA = `create table public."Users" (id serial primary key, name text);
insert into public."Users" (name) select 'user ' || i from generate_series(1, 500) i;
create table empty (i int); create view v as select * from "Users";
select lo_from_bytea(0, 'blob');`;

/** An application as 3dPot's scripts back it up, and a repository for potctl. */
export interface ApplicationWithOldBackups extends TestDatabase {
  /** Where the scripts ran. */
  readonly cwd: string;
  readonly storage: string;
  readonly repository: string;
  /** `--files … --repository …`. */
  readonly where: readonly string[];
  /** Runs potctl in this process with PGDATABASE, where there is no state of others. */
  run(...args: readonly string[]): Promise<Ran>;
  backUp(change?: Partial<OldBackup>): Promise<OldFiles>;
}

/** Makes one, with 500 users and three files. */
export async function applicationWithOldBackups(name?: string, options = ''): Promise<ApplicationWithOldBackups> {
  const database = await freshDatabase({ schema: SCHEMA, options, ...(name === undefined ? {} : { name }) });
  const cwd = await temporaryFolder();
  const tree = { models: { 'a.stl': 'solid', 'b.stl': 'x'.repeat(5_000) }, 'c.txt': 'c' };
  const storage = await makeTree(tree, path.join(await temporaryFolder(), 'storage'));
  const repository = path.join(await temporaryFolder(), 'repository');
  const env = { PGDATABASE: database.name, XDG_STATE_HOME: await temporaryFolder() };
  return {
    ...{ ...database, cwd, storage, repository },
    where: ['--files', storage, '--repository', repository],
    run: (...args) => potctlHere(args, { env, cwd }),
    backUp: (change) => oldBackup({ database: database.name, storage, backupDir: 'backups', cwd, ...change }),
  };
}

/** `count(*)` of a table, on a connection of its own. */
export async function rowsOf(database: string, table = '"Users"'): Promise<number> {
  const client = await connect(database);
  try {
    return (await client.query<{ n: number }>(`select count(*)::int as n from ${table}`)).rows[0]!.n;
  } finally {
    await client.end();
  }
}

/** A tree as the tar of the scripts keeps it: times in whole seconds. */
export async function treeInSeconds(root: string): Promise<string[]> {
  return (await describeTree(root)).map((line) => line.replace(/(\d{10})\d{9}/, '$1'));
}

/** Everything in a folder with sizes, modes and times: equal when nobody wrote to it. */
export async function photograph(folder: string): Promise<string[]> {
  const names = ['.', ...(await readdir(folder, { recursive: true })).sort()];
  return Promise.all(
    names.map(async (name) => {
      const { size, mode, mtimeNs, ctimeNs } = await lstat(path.join(folder, name), { bigint: true });
      return [name, size, mode.toString(8), mtimeNs, ctimeNs].join(' ');
    }),
  );
}

/** Takes the right to write away from a folder and what is in it. */
export async function freeze(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await chmod(path.join(folder, name), 0o444);
  await chmod(folder, 0o555);
}
