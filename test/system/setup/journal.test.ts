import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { SCHEMA_VERSION } from '../../../src/journal/installed.js';
import { freshDatabase } from '../../support/database.js';
import type { Ran } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';

async function site() {
  const database = await freshDatabase();
  const folder = await temporaryFolder();
  const run = (...args: string[]): Promise<Ran> => potctl(args, { env: { PGDATABASE: database.name } });
  const sql = async (text: string) => {
    const session = await openTestServer(database.name).session({ purpose: 'test' });
    return session.query(text).finally(() => session.close());
  };
  const append = (reason: string, target: string | null = null) =>
    sql(
      `select potctl.audit_append('maria', 'test.change', ${target === null ? 'null' : `'${target}'`}, '${reason}', null, 'done', 'r', null, '{"b": 1, "a": "ç"}')`,
    );
  const verify = async (...args: string[]) => {
    const ran = await run('audit', 'verify', '--json', ...args);
    return { exitCode: ran.exitCode, ...JSON.parse(ran.stdout).item };
  };
  return { database, folder, run, sql, append, verify };
}

const owner = `set session_replication_role = replica; alter table potctl.journal disable trigger all;`;

test('setup prints its SQL, asks for confirmation, installs once, and records that in the journal', async () => {
  const { database, run, sql } = await site();

  expect(await run('history')).toMatchObject({ exitCode: 17, stderr: expect.stringContaining('E_SETUP_MISSING') });
  const dry = await run('setup', '--dry-run');
  expect(dry).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^BEGIN;\n[\s\S]*CREATE TABLE potctl.journal[\s\S]*\nCOMMIT;\n$/),
  });
  expect(dry.stderr).toMatch(/^.*\nSETUP .*; nothing is installed yet\n.*dry run\.\n$/);
  const asked = await run('setup');
  expect(asked).toMatchObject({ exitCode: 30, stdout: '', stderr: expect.stringContaining('E_CONFIRM_REQUIRED') });
  expect(asked.stderr).toContain('CREATE TABLE potctl.journal');
  expect(await sql(`select 1 from pg_namespace where nspname = 'potctl'`)).toEqual([]);

  const done = await run('setup', '--yes', '--reason', 'journal for support');
  expect(done).toMatchObject({
    exitCode: 0,
    stdout: '',
    stderr: expect.stringMatching(/^.*\nSETUP .*\nInstalled: .*\n$/),
  });
  const again = JSON.parse((await run('setup', '--json')).stdout);
  expect(again).toMatchObject({ changed: false, result: { state: 'unchanged', database: database.name } });
  const { items } = JSON.parse((await run('history', '--json')).stdout);
  expect(items).toMatchObject([
    {
      seq: '1',
      action: 'potctl.setup',
      reason: 'journal for support',
      db_role: 'postgres',
      details: { to: SCHEMA_VERSION },
    },
  ]);
});

test('two concurrent setups install it once', async () => {
  const { run } = await site();
  const both = await Promise.all([run('setup', '--yes'), run('setup', '--yes')]);
  expect(both.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  expect(JSON.parse((await run('history', '--json')).stdout).items).toHaveLength(1);
});

test('the journal refuses changes, even by its owner in replica mode, and entries without a reason', async () => {
  const { run, sql, append } = await site();
  await run('setup', '--yes');
  for (const change of [
    'update potctl.journal set reason = $$x$$',
    'delete from potctl.journal',
    'truncate potctl.journal',
  ]) {
    await expect(sql(`set session_replication_role = replica; ${change}`)).rejects.toMatchObject({
      code: 'E_DB_DENIED',
    });
  }
  await expect(append('  ')).rejects.toMatchObject({ code: 'E_DB_QUERY' });
});

test('concurrent entries form one chain without forks or gaps', async () => {
  const { run, append, verify } = await site();
  await run('setup', '--yes');
  await Promise.all(Array.from({ length: 8 }, (_, n) => append(`change ${n}`, n % 2 ? null : '')));
  expect(await verify()).toMatchObject({ exitCode: 0, ok: true, checked: 9, first_break: null });
});

/** What somebody who knows how entries are hashed would add to a change. */
const hashedAgain = (seq: number): string => `update potctl.journal j set hash = potctl.row_hash(j) where seq = ${seq}`;

test.each([
  ['content', `update potctl.journal set reason = 'another' where seq = 2`, '2'],
  ['content', `update potctl.journal set target = '' where seq = 3`, '3'],
  ['gap', 'delete from potctl.journal where seq = 2', '3'],
  ['gap', 'delete from potctl.journal where seq = 1', '2'],
  ['head', 'delete from potctl.journal where seq = 4', null],
  ['head', `update potctl.journal_head set hash = decode(repeat('00', 32), 'hex')`, null],
  // Written anew with a hash that fits: only the next entry knows that it was another one.
  ['link', `update potctl.journal set reason = 'another' where seq = 2; ${hashedAgain(2)}`, '3'],
  [
    'link',
    `update potctl.journal set prev_hash = decode(repeat('00', 32), 'hex') where seq = 3; ${hashedAgain(3)}`,
    '3',
  ],
])('tampering by the owner is detected: %s', async (kind, change, seq) => {
  const { run, sql, append, verify } = await site();
  await run('setup', '--yes');
  for (const n of [1, 2, 3]) await append(`change ${n}`);
  await sql(`${owner} ${change}`);
  expect(await verify()).toMatchObject({ exitCode: 20, ok: false, first_break: { kind, seq } });
});

test('an anchor reveals removed newest entries and a rewritten journal', async () => {
  const { folder, run, sql, append, verify } = await site();
  await run('setup', '--yes');
  for (const n of [1, 2]) await append(`change ${n}`);
  const file = path.join(folder, 'anchor.json');
  await writeFile(file, (await run('audit', 'verify', '--json')).stdout);
  expect(await verify('--anchor', file)).toMatchObject({ ok: true, anchored: true });

  const cut = `delete from potctl.journal where seq = 3;
               update potctl.journal_head h set seq = j.seq, hash = j.hash from potctl.journal j where j.seq = 2`;
  await sql(`${owner} ${cut}`);
  expect(await verify()).toMatchObject({ ok: true, checked: 2 });
  expect(await verify('--anchor', file)).toMatchObject({ exitCode: 20, first_break: { kind: 'cut' } });
  await append('another story');
  expect(await verify('--anchor', file)).toMatchObject({ exitCode: 20, first_break: { kind: 'rewritten', seq: '3' } });
});

test('the manifest of a backup has the newest anchor, and a restore brings back the whole journal', async () => {
  const { database, folder, run, append, verify } = await site();
  await run('setup', '--yes');
  await append('before the backup');
  const repository = path.join(folder, 'r');
  const id = (await run('backup', 'create', '--repository', repository)).stdout.trim();
  const manifest = path.join(repository, 'backups', id, 'manifest.json');
  const { anchor } = await verify('--anchor', manifest);
  expect(JSON.parse(await readFile(manifest, 'utf8')).database.journal_anchor).toEqual(anchor);

  const restored = await run('restore', 'run', id, '--repository', repository, '--confirm', database.name);
  expect(restored).toMatchObject({ exitCode: 0 });
  expect(await verify('--anchor', manifest)).toMatchObject({ ok: true, checked: 2 });
});

test('a schema "potctl" of another owner, and a file without an anchor, are refused', async () => {
  const { folder, run, sql } = await site();
  await sql('create schema potctl');
  expect(await run('setup', '--yes')).toMatchObject({
    exitCode: 30,
    stderr: expect.stringContaining('not created by potctl'),
  });
  const file = path.join(folder, 'a');
  await writeFile(file, '{"seq": 1}');
  expect((await run('audit', 'verify', '--anchor', file)).exitCode).toBe(2);
  expect((await run('audit', 'verify', '--anchor', path.join(folder, 'none'))).exitCode).not.toBe(0);
});
