import { describe, expect, onTestFinished, test } from 'vitest';
import { grantedLogin } from '../support/granted-login.js';
import { type Form, mfaSite, WHY } from '../support/mfa.js';
import { potctlHere as potctl } from '../support/run-main.js';

/** A direct change of what lets somebody in, and what it is about. */
const KNOWN: Readonly<Record<'3dpot' | 'viu' | 'evo', { readonly write: string; readonly admin: string | null }>> = {
  '3dpot': {
    write: `update users set mfa_secret = 'KNOWNKNOWNKNOWNKNOWNKNOWNKNOWN22', mfa_enabled = true where id::text = `,
    admin: `update users set role = 'admin' where id::text = `,
  },
  viu: {
    write: `update usuarios set "twoFactorSecret" = 'KNOWNKNOWNKNOWNKNOWNKNOWNKNOWN22', "twoFactorEnabled" = true where id = `,
    admin: `update usuarios set tipo = 'ADMIN' where id = `,
  },
  evo: { write: `update mfa_factors set is_active = false where user_id::text = `, admin: null },
};

async function guarded(form: Form, guard = true) {
  const site = await mfaSite(form, { here: true });
  const env = { PGDATABASE: site.database.name };
  if (guard) expect(await potctl(['setup', '--guard-writes', '--yes'], { env })).toMatchObject({ exitCode: 0 });
  const support = await grantedLogin(site.database, 'support', { config: ['--config', site.config, '-p', 'test'] });
  onTestFinished(support.end);
  const who = await site.seed({ name: form === 'evo' ? 'eva' : `p${support.name}` });
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

describe.each(['3dpot', 'viu', 'evo'] as const)('%s: where the owner agreed to guards', (form) => {
  test('a support login changes nothing directly without an entry in the journal; the commands work as before', async () => {
    const { site, support, who, attempt, entry } = await guarded(form);
    const write = `${KNOWN[form].write}'${who.id}'`;
    const before = await site.stored(who);
    expect(await attempt(write)).toBe('42501');
    expect(await attempt(`${write}; ${entry('{}', 'mfa.verify')}`)).toBe('42501');
    expect(await site.stored(who)).toEqual(before);
    const reset = await support.run(['mfa', 'reset', who.id, ...WHY, '--confirm', who.name, '--json']);
    expect(reset).toMatchObject({ exitCode: 0 });
    expect(support.sql.split('\n').slice(0, 3).join('\n')).toContain('-- CAN DO: ');
    const [rule] = await checked(site);
    expect(rule).toMatchObject({ id: 'sec.unrecorded', state: 'ok' });
  });

  test('nobody else notices: the application and the owner write as before', async () => {
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

test.each(['3dpot', 'viu'] as const)(
  '%s: of an administrator only when the entry says that the guard was broken',
  async (form) => {
    const { site, who, attempt, entry } = await guarded(form);
    await site.database.query(`${KNOWN[form].admin}'${who.id}'`);
    const write = `${KNOWN[form].write}'${who.id}'`;
    expect(await attempt(`${write}; ${entry()}`)).toBe('42501');
    expect(await attempt(`${write}; ${entry('{"break_glass": ["an administrator"]}')}`)).toBe('committed');
  },
);

test('nor does a login change its own account', async () => {
  const { site, support, who, attempt, entry } = await guarded('3dpot');
  await site.database.query('update users set username = $1 where id = $2', [support.name, who.id]);
  const write = `${KNOWN['3dpot'].write}'${who.id}'`;
  expect(await attempt(`${write}; ${entry()}`)).toBe('42501');
  expect(await attempt(`${write}; ${entry('{"break_glass": ["own"]}')}`)).toBe('committed');
});

test('without guards one UPDATE is enough: the first lines of `grants sql` say so, and mfa check says unknown', async () => {
  const { site, support, who, attempt } = await guarded('3dpot', false);
  expect(support.sql.split('\n').slice(0, 4).join('\n')).toContain(
    '-- CAUTION: this login can switch second factors off and on',
  );
  expect(support.sql).toContain('potctl setup --guard-writes');
  expect(await attempt(`${KNOWN['3dpot'].write}'${who.id}'`)).toBe('committed');
  expect(await checked(site)).toMatchObject([{ state: 'unknown', next: 'potctl setup --guard-writes' }]);
});

test('guards are shown before, put there once, and go with the schema', async () => {
  const { site, env } = await guarded('3dpot', false);
  const dry = await potctl(['setup', '--guard-writes', '--dry-run'], { env });
  expect(dry.stderr).toContain('CREATE TRIGGER potctl_guard AFTER INSERT OR DELETE OR UPDATE OF');
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
