import { describe, expect, onTestFinished, test } from 'vitest';
import { type Form, mfaSite, WHY } from '../../support/mfa.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { grantedLogin } from './granted-login.js';

type Guarded = '3dpot' | 'viu' | 'evo' | 'evo-production';
const EVO = {
  write: `update mfa_factors set is_active = false where user_id::text = `,
  admin: [
    `update user_roles set role = 'org_admin' where user_id::text = `,
    `update profiles set role = 'super_admin' where user_id::text = `,
  ],
};

/** A direct change of what lets somebody in, and what it is about. */
const KNOWN: Readonly<Record<Guarded, { readonly write: string; readonly admin: readonly string[] }>> = {
  '3dpot': {
    write: `update users set mfa_secret = 'KNOWNKNOWNKNOWNKNOWNKNOWNKNOWN22', mfa_enabled = true where id::text = `,
    admin: [
      `update users set role = 'admin' where id::text = `,
      `update users set is_superuser = true where id::text = `,
    ],
  },
  viu: {
    write: `update usuarios set "twoFactorSecret" = 'KNOWNKNOWNKNOWNKNOWNKNOWNKNOWN22', "twoFactorEnabled" = true where id = `,
    admin: [`update usuarios set tipo = 'ADMIN' where id = `],
  },
  evo: EVO,
  'evo-production': EVO,
};

async function guarded(form: Form, guard = true, sessions = 0) {
  const site = await mfaSite(form, { here: true });
  const env = { PGDATABASE: site.database.name };
  if (guard) expect(await potctl(['setup', '--guard-writes', '--yes'], { env })).toMatchObject({ exitCode: 0 });
  const support = await grantedLogin(site.database, 'support', { config: ['--config', site.config, '-p', 'test'] });
  onTestFinished(support.end);
  const who = await site.seed({
    name: form.startsWith('evo') ? `e${support.name}` : `p${support.name}`,
    sessions: form.startsWith('evo') ? 0 : sessions,
  });
  await site.enable(who);
  const attempt = (sql: string) =>
    support.as.query(`begin; ${sql}; commit`).then(
      () => 'committed',
      async (error: { code: string }) => {
        await support.as.query('rollback');
        return error.code;
      },
    );
  const entry = (details = '{}', action = 'mfa.reset') =>
    `select potctl.audit_append('eva', '${action}', '${who.key}', 'a test of ours', null, 'done', 'r', 't', '${details}')`;
  return { site, env, support, who, attempt, entry };
}

describe.each(['3dpot', 'viu', 'evo'] as const)('%s: with write guards', (form) => {
  test('a support login changes nothing directly without a journal entry, and the commands still work', async () => {
    const { site, support, who, attempt, entry } = await guarded(form);
    const write = `${KNOWN[form].write}'${who.id}'`;
    const before = await site.stored(who);
    expect(await attempt(write)).toBe('42501');
    expect(await attempt(`${write}; ${entry('{}', 'mfa.verify')}`)).toBe('42501');
    expect(await site.stored(who)).toEqual(before);
    const reset = await support.run(['mfa', 'reset', who.id, ...WHY, '--confirm', who.name, '--json']);
    expect(reset).toMatchObject({ exitCode: 0 });
    expect(support.sql.split('\n').slice(0, 3).join('\n')).toContain('-- This login, also if stolen, can ');
    const [rule] = await checked(site);
    // The test's own hand switched the factor on, and only EVO keeps when.
    expect(rule).toMatchObject({ id: 'sec.unrecorded', state: form === 'evo' ? 'warn' : 'ok' });
  });

  test('the application and the owner write as before', async () => {
    const { site, who } = await guarded(form);
    const app = `app_${site.database.name}`;
    await site.database.query(
      `create role ${app} login; grant usage on schema public to ${app}; grant select, update on all tables in schema public to ${app}`,
    );
    onTestFinished(async () => {
      await site.database.query(`drop owned by ${app}; drop role ${app}`);
    });
    await site.database.query(`set session authorization ${app}`);
    await site.database.query(`${KNOWN[form].write}'${who.id}'`);
    await site.database.query('reset session authorization');
    await site.database.query(`${KNOWN[form].write}'${who.id}'`);
  });
});

test.each(
  Object.entries(KNOWN).flatMap(([form, { admin }]) => admin.map((promotion) => [form as Guarded, promotion] as const)),
)('%s: an administrator (%s) is changed only if the entry records --break-glass', async (form, promotion) => {
  const { site, support, who, attempt, entry } = await guarded(form);
  await site.database.query(`${promotion}'${who.id}'`);
  const write = `${KNOWN[form].write}'${who.id}'`;
  expect(await attempt(`${write}; ${entry()}`)).toBe('42501');
  const reset = ['mfa', 'reset', who.id, ...WHY, '--confirm', who.name];
  expect(await support.run([...reset, '--break-glass'])).toMatchObject({ exitCode: 0 });
  await site.enable(who);
  expect(await attempt(`${write}; ${entry('{"break_glass": ["an administrator"]}')}`)).toBe('committed');
});

test.each([
  ['3dpot', `update users set locked_until = now() + interval '1 year', login_attempts = 99 where id::text = `],
  ['3dpot', 'update users set login_attempts = 4 where id::text = '],
  ['3dpot', 'update refresh_tokens set is_revoked = true where user_id::text = '],
  ['viu', 'update sessoes set ativo = false where "usuarioId" = '],
  ['evo', 'delete from webauthn_credentials where user_id::text = '],
] as const)('%s: locks, sessions and keys do not change without a journal entry: %s', async (form, sql) => {
  const { site, support, who, attempt, entry } = await guarded(form, true, 2);
  if (form === 'evo') {
    await site.database.query(
      `insert into webauthn_credentials (id, user_id, credential_id, public_key) values (gen_random_uuid(), $1, 'c', 'k')`,
      [who.id],
    );
  }
  expect(await attempt(`${sql}'${who.id}'`)).toBe('42501');
  expect(await attempt(`${sql}'${who.id}'; ${entry()}`)).toBe('committed');
  if (form !== '3dpot') return;
  await site.database.query(`update users set locked_until = now() + interval '1 day', login_attempts = 9`);
  for (const action of ['unlock', 'reset']) {
    expect(await support.run(['mfa', action, who.id, ...WHY, '--confirm', who.name])).toMatchObject({ exitCode: 0 });
  }
  expect(await site.database.query('select login_attempts, locked_until from users')).toEqual([
    { login_attempts: 0, locked_until: null },
  ]);
});

test.each([
  [
    '3dpot',
    /^-- This login, also if stolen, can .*write a new secret, write new backup codes, lock and unlock accounts, and end or restore sessions/m,
  ],
  [
    'viu',
    /^-- This login, also if stolen, can .*write a new secret, write new backup codes, and end or restore sessions/m,
  ],
  ['evo', /^-- This login, also if stolen, can enable and disable second factors, and remove security keys\./m],
] as const)('%s: the first lines of `grants sql` name exactly what the rights allow', async (form, said) => {
  expect((await guarded(form)).support.sql).toMatch(said);
});

test('EVO stores times: mfa check names users whose factor was created, enabled or disabled without a record', async () => {
  const { site, who, attempt } = await guarded('evo', false);
  const record = (word: string, at: string) =>
    site.database.query(
      `insert into audit_logs (id, organization_id, user_id, action, created_at)
       select gen_random_uuid(), gen_random_uuid(), user_id, '${word}', ${at} from mfa_factors`,
    );
  const state = async () => (await checked(site))[0];
  expect(await state()).toMatchObject({ state: 'warn', detail: expect.stringContaining(who.key) });
  await record('MFA_ENABLED', 'created_at');
  expect(await state()).toMatchObject({ state: 'warn' });
  await record('MFA_VERIFIED', 'verified_at');
  expect(await state()).toMatchObject({ state: 'ok', detail: expect.not.stringContaining('stores no time') });
  const off = `update mfa_factors set is_active = false, deactivated_at = now() + interval '1 hour'`;
  expect(await attempt(off)).toBe('committed');
  expect(await state()).toMatchObject({ state: 'warn', detail: expect.stringContaining(who.key) });
  await record('MFA_DISABLED', 'deactivated_at');
  expect(await state()).toMatchObject({ state: 'ok' });
});

test('EVO: enrollments and resets by potctl count as recorded', async () => {
  const { site } = await guarded('evo', false);
  const other = await site.seed({ name: 'other' });
  const change = (name: string, ...flags: string[]) =>
    site.mfa([name, other.id, ...WHY, '--confirm', other.name, ...flags]);
  for (const n of [1, 2])
    expect(await change('enroll', '--secret-to', `${site.folder}/s${n}`)).toMatchObject({ exitCode: 0 });
  expect(await change('reset')).toMatchObject({ exitCode: 0 });
  await site.database.query('truncate audit_logs');
  expect((await checked(site))[0].detail).not.toContain(other.key);
});

test('a login does not change its own account', async () => {
  const { site, support, who, attempt, entry } = await guarded('3dpot');
  await site.database.query('update users set username = $1 where id = $2', [support.name, who.id]);
  const write = `${KNOWN['3dpot'].write}'${who.id}'`;
  expect(await attempt(`${write}; ${entry()}`)).toBe('42501');
  expect(await attempt(`${write}; ${entry('{"break_glass": ["own"]}')}`)).toBe('committed');
});

test.each([
  ['viu', 'update usuarios set email = $1 where id = $2'],
  ['evo-production', 'update profiles set email = $1 where user_id::text = $2'],
] as const)('%s: a login does not change an account with its name before the @', async (form, rename) => {
  const { site, support, who, attempt, entry } = await guarded(form);
  await site.database.query(rename, [`${support.name.toUpperCase()}@example.com`, who.id]);
  const write = `${KNOWN[form].write}'${who.id}'`;
  expect(await attempt(`${write}; ${entry()}`)).toBe('42501');
  expect(await attempt(`${write}; ${entry('{"break_glass": ["own"]}')}`)).toBe('committed');
});

test('without guards one UPDATE is enough, as the first lines of `grants sql` say; mfa check says unknown', async () => {
  const { site, support, who, attempt } = await guarded('3dpot', false);
  expect(support.sql.split('\n').slice(0, 4).join('\n')).toContain(
    '-- CAUTION: this login can enable and disable second factors',
  );
  expect(support.sql).toContain('potctl setup --guard-writes');
  expect(await attempt(`${KNOWN['3dpot'].write}'${who.id}'`)).toBe('committed');
  const next = `potctl setup --guard-writes --config ${site.config} -p test`;
  expect(await checked(site)).toMatchObject([{ state: 'unknown', next }]);
});

test('guards are shown first, installed once, and dropped with the schema', async () => {
  const { site, env } = await guarded('3dpot', false);
  const dry = await potctl(['setup', '--guard-writes', '--dry-run'], { env });
  expect(dry.stdout).toContain('CREATE TRIGGER potctl_guard AFTER INSERT OR DELETE OR UPDATE OF');
  const setUp = async () =>
    JSON.parse((await potctl(['setup', '--guard-writes', '--yes', '--json'], { env })).stdout).changed;
  expect([await setUp(), await setUp()]).toEqual([true, false]);
  await site.database.query('drop schema potctl cascade');
  expect(await site.database.query(`select tgname from pg_trigger where tgname = 'potctl_guard'`)).toEqual([]);
});

async function checked(site: Awaited<ReturnType<typeof mfaSite>>) {
  const { item } = (await site.json(['check'])).doc;
  return item.rules.filter(({ id }: { id: string }) => id === 'sec.unrecorded');
}
