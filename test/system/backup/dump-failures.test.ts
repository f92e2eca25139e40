import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, inject, test } from 'vitest';
import { dumpDatabase } from '../../../src/dump/dump.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { dumpRequest } from '../../support/dump-request.js';
import { openTestServer } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';

const LARGE = `create table large as
  select id, md5(id::text) || md5((id + 1)::text) || md5((id + 2)::text) as filler from generate_series(1, 200000) as id`;

test('an abort stops pg_dump and the snapshot, and nothing keeps running', async () => {
  const database = await freshDatabase({ schema: LARGE });
  const abort = new AbortController();
  const dumping = dumpDatabase(openTestServer(database.name), await dumpRequest({ signal: abort.signal }));
  dumping.catch(() => {});
  await until(database, `application_name = 'potctl:pg_dump'`);

  abort.abort(new PotctlError('E_TERMINATED', 'told to end'));

  await expect(dumping).rejects.toMatchObject({ code: 'E_TERMINATED' });
  await nothingRuns(database);
});

test.each([
  ['pg_dump’s connections', `application_name = 'potctl:pg_dump'`],
  ['the snapshot’s connection', `application_name = 'potctl:backup create'`],
])('when the server terminates %s, the dump fails as unreachable and nothing keeps running', async (_, which) => {
  const database = await freshDatabase({ schema: LARGE });
  const dumping = dumpDatabase(openTestServer(database.name), await dumpRequest());
  dumping.catch(() => {});
  await until(database, which);

  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and ${which}`,
  );

  await expect(dumping).rejects.toMatchObject({ code: 'E_DB_UNREACHABLE' });
  await nothingRuns(database);
});

test('a killed pg_dump is a failed tool, and nothing keeps running', async () => {
  const database = await freshDatabase({ schema: LARGE });
  const request = await dumpRequest();
  const dumping = dumpDatabase(openTestServer(database.name), request);
  dumping.catch(() => {});
  await until(database, `application_name = 'potctl:pg_dump'`);

  for (const pid of processesWith(`--file=${request.folder}`)) process.kill(pid, 'SIGKILL');

  await expect(dumping).rejects.toMatchObject({ code: 'E_TOOL_FAILED', changed: 'nothing' });
  await nothingRuns(database);
});

test('a locked table fails the dump after the lock timeout, and the error names the cause', async () => {
  const database = await freshDatabase({ schema: 'create table held()' });
  await database.client.query('begin; lock table held in access exclusive mode');

  await expect(
    dumpDatabase(openTestServer(database.name), await dumpRequest({ lockWaitMs: 200 })),
  ).rejects.toMatchObject({ code: 'E_DB_LOCKED' });
  await database.client.query('rollback');
  await nothingRuns(database);
});

test('a table that is dropped or truncated while the dump waits for its lock is dumped as it is afterwards', async () => {
  const database = await freshDatabase({ schema: 'create table gone(); create table emptied as select 1 as id' });
  await database.client.query('begin; drop table gone; truncate emptied');
  const dumping = dumpDatabase(openTestServer(database.name), await dumpRequest());
  await delay(1_000);
  await database.client.query('insert into emptied values (7), (8); commit');

  const { part, degraded } = await dumping;

  expect(degraded).toEqual([]);
  expect(part.inventory.tables.map(({ table, count }) => [table, count])).toEqual([['emptied', 2]]);
});

test('an error in the references query is a configuration error and fails the dump at once', async () => {
  const database = await freshDatabase({ schema: LARGE });
  const references = 'select path from no_such_table';

  await expect(dumpDatabase(openTestServer(database.name), await dumpRequest({ references }))).rejects.toMatchObject({
    code: 'E_CONFIG',
    message: expect.stringContaining('no_such_table'),
  });
  await nothingRuns(database);
});

test('the references query can only be a single read-only query', async () => {
  const database = await freshDatabase({ schema: 'create table files (path text)' });
  const server = openTestServer(database.name);

  for (const references of [
    'select path from files; drop table files',
    'select path from files) as x; drop table files; select * from (select 1',
    'with gone as (delete from files returning path) select path from gone',
  ]) {
    await expect(dumpDatabase(server, await dumpRequest({ references }))).rejects.toMatchObject({ code: 'E_CONFIG' });
  }
  expect(await database.query(`select to_regclass('files')::text as there`)).toEqual([{ there: 'files' }]);
});

test('a disk that fills up is reported as full, and nothing keeps running', async (context) => {
  const database = await freshDatabase({ schema: LARGE });
  const request = await dumpRequest();
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', request.folder]);
  if (mounted.status !== 0) return context.skip('only root may mount a small file system');
  try {
    await expect(dumpDatabase(openTestServer(database.name), request)).rejects.toMatchObject({ code: 'E_NO_SPACE' });
    await nothingRuns(database);
  } finally {
    execFileSync('umount', [request.folder]);
  }
});

/** Waits for a connection to the database that fits. */
async function until({ query }: TestDatabase, condition: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const found = await query(`select from pg_stat_activity where datname = current_database() and ${condition}`);
    if (found.length > 0) return;
    await delay(10);
  }
  throw new Error(`no connection with ${condition}`);
}

/** The server needs a moment to notice that a client has gone. */
async function nothingRuns({ query }: TestDatabase): Promise<void> {
  const running = () =>
    query(`select application_name, query from pg_stat_activity
            where datname = current_database() and application_name like 'potctl:%'`);
  for (let attempt = 0; attempt < 200 && (await running()).length > 0; attempt += 1) await delay(20);
  expect(await running()).toEqual([]);
}

function processesWith(argument: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const has = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(argument);
    } catch {
      return false;
    }
  };
  return pids.filter(has).map(Number);
}

/** The real tools, but for a pg_dumpall that ends with `line` after its work. */
async function toolsWith(line: string): Promise<string> {
  const { binaries } = inject('postgres');
  const folder = await temporaryFolder();
  const write = (name: string, script: string): void =>
    writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  // No links: where the binaries were unpacked, they are scripts that look beside themselves.
  for (const name of ['pg_dump', 'pg_restore']) write(name, `exec '${binaries}/${name}' "$@"`);
  const out = `out=$(printf '%s\\n' "$@" | sed -n 's/^--file=//p')`;
  write('pg_dumpall', `'${binaries}/pg_dumpall' "$@" || exit\n[ "$1" = --version ] && exit\n${out}\n${line}`);
  return folder;
}

test.each([
  ['is killed', 'kill -9 $$', "'pg_dumpall' was killed by SIGKILL"],
  ['writes half of its output and exits with 0', 'truncate -s 200 "$out"', "'pg_dumpall' reported success"],
])('a pg_dumpall that %s makes the backup degraded and leaves no partial file of roles', async (_, line, why) => {
  const database = await freshDatabase({ schema: 'create table t as select 1 as id' });
  const request = await dumpRequest();
  const server = openTestServer(database.name, { toolDirectories: [await toolsWith(line)] });

  const { part, degraded } = await dumpDatabase(server, request);

  expect(part.globals).toBeNull();
  expect(degraded).toEqual([expect.stringContaining(`the roles could not be dumped: ${why}`)]);
  expect(existsSync(path.join(request.folder, 'db/globals.sql'))).toBe(false);
});
