import { EventEmitter } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { watchInterrupts } from '../../../commands/cli/run/signals.js';
import type { HostOptions } from '../../../src/host/host.js';
import type { Progress } from '../../../src/kernel/progress.js';
import type { Server } from '../../../src/postgres/server.js';
import { readRuns } from '../../../src/runs/record.js';
import { connect, freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { testPotctl } from '../../support/host.js';
import { backUp, restore, testRepository, withTree } from '../../support/restoring.js';
import { openTestServer } from '../../support/server.js';
import { describeTree, makeTree } from '../../support/tree.js';
import { tablesSite } from './single-tables.js';

const RESTORE = { id: 'latest', jobs: 2, keepOld: 3_600_000 };

/** A database with ten rows and a tree, both backed up; then both are changed. */
async function changedSite() {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const tree = await makeTree({ 'a.txt': 'alpha' });
  const repository = await testRepository();
  const parts = { server: openTestServer(database.name), repository, ...withTree(tree) };
  const backedUp = await describeTree(tree);
  await backUp(parts);
  await database.query('delete from t');
  await writeFile(path.join(tree, 'a.txt'), 'changed');
  return { ...database, tree, repository, parts, backedUp };
}

async function rowsOf(name: string): Promise<number> {
  const client = await connect(name);
  try {
    return (await client.query('select count(*)::int as rows from t')).rows[0].rows;
  } finally {
    await client.end();
  }
}

/** Somebody puts another database in the place of this one. */
async function replace(name: string): Promise<void> {
  await inMaintenance(async (client) => {
    await client.query(`drop database ${quote(name)} with (force)`);
    await client.query(`create database ${quote(name)}`);
  });
}

test('a database that was replaced since the plan is not restored over, and nothing is built for it', async () => {
  const { name, parts, repository } = await changedSite();
  const prepared = await (await testPotctl(parts).restore()).run(RESTORE);
  await replace(name);

  await expect(prepared.apply()).rejects.toMatchObject({ code: 'E_REFUSED', changed: 'nothing' });

  expect(await readRuns(repository)).toEqual([]);
});

test('a database that was replaced since the plan of an undo is not swapped away', async () => {
  const { name, parts, repository } = await changedSite();
  await restore(parts, { only: 'db' });
  const prepared = await (await testPotctl(parts).restore()).undo({ keepOld: RESTORE.keepOld });
  await replace(name);

  await expect(prepared.apply()).rejects.toMatchObject({ code: 'E_REFUSED', changed: 'nothing' });

  expect((await readRuns(repository)).map(({ kind }) => kind)).toEqual(['restore']);
});

test('single tables do not come into another database than the one of the plan', async () => {
  const { name, parts } = await tablesSite('create table t as select generate_series(1, 10) i');
  const tables = { ...RESTORE, tables: ['t'], intoSchema: 'found' };
  const prepared = await (await testPotctl(parts).restore()).run(tables);
  await replace(name);

  await expect(prepared.apply()).rejects.toMatchObject({ code: 'E_REFUSED', changed: 'nothing' });

  const client = await connect(name);
  expect((await client.query(`select 1 from pg_namespace where nspname = 'found'`)).rows).toEqual([]);
  await client.end();
  expect(await readRuns(parts.repository)).toEqual([]);
});

/** A host whose process gets Ctrl-C, with the program's own handling of it, when an event of the work or a statement fits. */
function interruptedAt(database: string, moment: RegExp): Partial<HostOptions> & { readonly signal: AbortSignal } {
  const process = Object.assign(new EventEmitter(), { exit() {} });
  const { signal, uninterrupted } = watchInterrupts(process, undefined, () => {});
  const hear = (text: string): void => {
    if (moment.test(text) && !signal.aborted) process.emit('SIGINT', 'SIGINT');
  };
  const progress: Progress = (event) => 'name' in event && hear(`${event.kind} ${event.name}`);
  return { signal, uninterrupted, progress, listener: { debug: hear }, environment: { PGDATABASE: database } };
}

test('Ctrl-C in the middle of the swap waits until database and files are both swapped', async () => {
  const { name, tree, repository, backedUp } = await changedSite();
  const host = interruptedAt(name, /rename to "\w+_before_/);

  const result = await restore({ host, repository, ...withTree(tree) });

  expect(host.signal.aborted).toBe(true);
  expect(result.state).toBe('done');
  expect([await rowsOf(name), await describeTree(tree)]).toEqual([10, backedUp]);
  expect((await readRuns(repository)).map(({ state }) => state)).toEqual(['done']);
});

test('Ctrl-C before the swap leaves database and files as they are, and nothing behind', async () => {
  const { name, tree, repository } = await changedSite();
  const before = await describeTree(tree);
  const host = interruptedAt(name, /^done files check/);

  const stopped = restore({ host, repository, ...withTree(tree) });

  await expect(stopped).rejects.toMatchObject({ code: 'E_INTERRUPTED', changed: 'nothing' });

  expect([await rowsOf(name), await describeTree(tree)]).toEqual([0, before]);
  const sql = 'select datname from pg_database where starts_with(datname, $1)';
  const { rows } = await inMaintenance((client) => client.query(sql, [name]));
  expect(rows).toEqual([{ datname: name }]);
});

test('a restore that lost its lock of the database before the swap swaps nothing', async () => {
  const { name, parts, tree } = await changedSite();
  const before = await describeTree(tree);
  let holder = 0;
  const server: Server = {
    ...parts.server,
    async session(options) {
      const session = await parts.server.session(options);
      if (options.purpose.startsWith('lock:')) holder = session.pid;
      return session;
    },
  };
  const uninterrupted = async <T>(work: () => Promise<T>): Promise<T> => {
    await inMaintenance((client) => client.query('select pg_terminate_backend($1, 5000)', [holder]));
    return work();
  };

  await expect(restore({ ...parts, server, host: { uninterrupted } })).rejects.toMatchObject({ code: 'E_LOCKED' });

  expect([await rowsOf(name), await describeTree(tree)]).toEqual([0, before]);
});
