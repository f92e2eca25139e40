import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { freshDatabase } from '../../support/database.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { grantedLogin } from './granted-login.js';

const ANA = '11111111-1111-1111-1111-111111111111';
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const SEED = `insert into users (id, email, username, hashed_password, is_active, mfa_enabled, mfa_secret, mfa_backup_codes, updated_at)
  values ('${ANA}', 'ana@example.com', 'ana', 'x', true, true, '${SECRET}', '["1234-5678"]', now())`;

/** A database with one person, set up, and a login that has what `grants sql` prints for `role`. */
async function site(role: string) {
  const database = await freshDatabase({ schema: '3dpot', dropAfterTest: false });
  await database.query(SEED);
  const env = { PGDATABASE: database.name };
  expect((await potctl(['setup', '--yes', '-q'], { env })).exitCode).toBe(0);
  return { database, ...(await grantedLogin(database, role)) };
}

let support: Awaited<ReturnType<typeof site>>;
beforeAll(async () => {
  support = await site('support');
});
afterAll(() => support.end());

async function siteOf(role: string) {
  const made = await site(role);
  onTestFinished(made.end);
  return made;
}

test('support can reset and unlock, and the journal records its login', async () => {
  const { database, run } = await siteOf('support');
  const reset = await run(['mfa', 'reset', 'ana', '--reason', 'lost phone, called back', '--confirm', 'ana', '--json']);
  expect(reset).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(reset.stdout)).toMatchObject({ changed: true, result: { state: 'off', warnings: [] } });
  expect(await database.query('select mfa_enabled, mfa_secret, mfa_backup_codes from users')).toEqual([
    { mfa_enabled: false, mfa_secret: null, mfa_backup_codes: [] },
  ]);
  const [entry] = await database.query(`select db_role from potctl.journal where action = 'mfa.reset'`);
  expect(entry).toMatchObject({ db_role: expect.stringMatching(/^t_/) });
});

test('support can enroll a user but cannot see the result or check the first code', async () => {
  const { database, run } = await siteOf('support');
  const because = ['--reason', 'lost phone, called back', '--confirm', 'ana'];
  expect((await run(['mfa', 'reset', 'ana', ...because])).exitCode).toBe(0);
  const folder = await mkdtemp(path.join(tmpdir(), 'potctl-grants-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'secret');
  const enrolled = await run(['mfa', 'enroll', 'ana', ...because, '--secret-to', file, '--json']);
  expect(enrolled).toMatchObject({ exitCode: 0 });
  const [secret] = (await readFile(file, 'utf8')).split('\n');
  expect(await database.query('select mfa_enabled, mfa_secret from users')).toEqual([
    { mfa_enabled: false, mfa_secret: secret },
  ]);
  const confirmed = await run(
    ['mfa', 'confirm', 'ana', '--reason', 'lost phone, called back', '--code-stdin'],
    '123456',
  );
  expect(confirmed).toMatchObject({ exitCode: 12, stderr: expect.stringContaining('cannot read secrets') });
});

test.each([
  ['a secret', 'select mfa_secret from users'],
  ['backup codes', 'select mfa_backup_codes from users'],
  ['a password hash', 'select hashed_password from users'],
  ['a session token', 'select token from refresh_tokens'],
  ['everything of a user', 'select * from users'],
])('a support login cannot read %s', async (_what, sql) => {
  await expect(support.as.query(sql)).rejects.toMatchObject({ code: '42501' });
});

test.each([
  ["make another's account", `insert into users (id) values (gen_random_uuid())`],
  ['remove a person', 'delete from users'],
  ['make anybody an administrator', 'update users set is_superuser = true'],
  ['write into the journal by itself', `insert into potctl.journal select * from potctl.journal`],
  ['change the journal', `update potctl.journal set reason = 'x'`],
  ['forget refused codes', 'delete from potctl.mfa_attempt'],
])('a support login cannot %s', async (_what, sql) => {
  await expect(support.as.query(sql)).rejects.toMatchObject({ code: '42501' });
});

test('support sees the state and what it cannot see; checking a code is refused with the reason', async () => {
  const { run } = support;
  const { item } = JSON.parse((await run(['mfa', 'status', 'ana', '--json', '-q'])).stdout);
  expect(item).toMatchObject({ state: 'enabled', codes: { left: null }, factors: [{ secret: 'hidden' }] });
  const refused = await run(['mfa', 'verify', 'ana', '--code-stdin'], '123456\n');
  expect(refused).toMatchObject({ exitCode: 12, stderr: expect.stringContaining('cannot read users.mfa_secret') });
  expect(await support.database.query('select kind from potctl.mfa_attempt')).toEqual([]);
});

test('support sees in native how many backup codes are left, in status and list', async () => {
  const database = await freshDatabase({ schema: 'native', dropAfterTest: false });
  await database.query(
    `insert into potctl_app.users (id, email, username, full_name, role, created_at, updated_at)
     values ('${ANA}', 'ana@example.com', 'ana', 'Ana', 'user', now(), now())`,
  );
  await database.query(
    `insert into potctl_app.mfa_factors (id, user_id, label, secret, status, created_at, enabled_at)
     values (gen_random_uuid(), '${ANA}', 'phone', 'potctl:v1:x', 'enabled', now(), now())`,
  );
  await database.query(
    `insert into potctl_app.backup_codes (user_id, place, hash, used_at)
     values ('${ANA}', 1, 'potctl$scrypt$x', null), ('${ANA}', 2, 'potctl$scrypt$x', now())`,
  );
  expect(await potctl(['setup', '--yes', '-q'], { env: { PGDATABASE: database.name } })).toMatchObject({ exitCode: 0 });
  const { run, end, as } = await grantedLogin(database, 'support');
  onTestFinished(end);
  await expect(as.query('select hash from potctl_app.backup_codes')).rejects.toMatchObject({ code: '42501' });
  const { item } = JSON.parse((await run(['mfa', 'status', 'ana', '--json', '-q'])).stdout);
  const list = await run(['mfa', 'list', '--json', '-q']);
  expect(JSON.parse(list.stdout).items).toMatchObject([{ username: 'ana', codes: 1 }]);
  expect(item.codes).toMatchObject({ left: 1 });
  expect(item.notes).toContain('1 backup code is left');
});

test('an auditor reads who did what, and changes nothing', async () => {
  const { run, as } = await siteOf('auditor');
  expect((await run(['history', '-q'])).exitCode).toBe(0);
  expect((await run(['audit', 'verify', '-q'])).exitCode).toBe(0);
  expect((await run(['mfa', 'list', '-q'])).exitCode).toBe(0);
  const reset = await run(['mfa', 'reset', 'ana', '--reason', 'lost phone, called back', '--confirm', 'ana']);
  expect(reset).toMatchObject({ exitCode: 12, stderr: expect.stringContaining('Changed:  nothing.') });
  await expect(as.query('select mfa_secret from users')).rejects.toMatchObject({ code: '42501' });
});

test('backup can read every table and write none; triage can read statistics; an unknown role is refused', async () => {
  const backup = await siteOf('backup');
  expect((await backup.as.query('select mfa_secret from users')).rows).toHaveLength(1);
  await expect(backup.as.query('delete from users')).rejects.toMatchObject({ code: '42501' });
  const triage = await siteOf('triage');
  await expect(triage.as.query('select id from users')).rejects.toMatchObject({ code: '42501' });
  expect((await backup.run(['grants', 'sql', '--role', 'backup'])).stdout).toMatch(
    /^-- Privileges for backup .* run as the owner of the tables; CREATE ROLE also requires CREATEROLE\.\n/,
  );
  expect(await triage.run(['grants', 'sql', '--role', 'suport'])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("Did you mean 'support'?"),
  });
});
