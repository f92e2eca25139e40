import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { codeAt, type MfaSite, mfaSite, type TestPerson, WHY } from '../../support/mfa.js';
import { plainRole } from '../../support/mfa-role.js';
import { type GrantedLogin, grantedLogin } from './granted-login.js';

let site: MfaSite;
let support: GrantedLogin;
let [ana, root]: TestPerson[] = [];
beforeAll(async () => {
  site = await mfaSite('native', { keep: true, here: true });
  support = await grantedLogin(site.database, 'support', { config: ['--config', site.config, '-p', 'test'] });
});
afterAll(async () => {
  await support.end();
  await site.remove();
});
beforeEach(async () => {
  [ana, root] = [await site.seed(), await site.seed({ admin: true })];
});

const entry = (target: string, action: string, details = '{}', status = 'done'): string =>
  `select potctl.audit_append('eva@desk', '${action}', '${target}', 'a test of ours', null, '${status}', 'r', 't', '${details}');`;
const BROKEN = '{"break_glass": ["an administrator"]}';
const CODES = `'{potctl$scrypt$known}'`;

/** One transaction of the support login; the error's code, or `committed`. */
async function attempt(sql: string, as = support.as): Promise<string> {
  return as.query(`begin; ${sql}; commit`).then(
    () => 'committed',
    async (error: { code: string }) => {
      await as.query('rollback');
      return error.code;
    },
  );
}

describe('a support login on the tables of native', () => {
  test.each([
    ['write a secret', `update potctl_app.mfa_factors set secret = 'potctl:v1:k1:known'`],
    [
      'make a factor',
      `insert into potctl_app.mfa_factors (user_id, secret) select id, 'potctl:v1:k1:x' from potctl_app.users`,
    ],
    [
      'write a backup code',
      `insert into potctl_app.backup_codes (user_id, place, hash) select id, 1, 'potctl$scrypt$x' from potctl_app.users`,
    ],
    ['remove backup codes', 'delete from potctl_app.backup_codes'],
    ['let the next login enroll', 'update potctl_app.users set must_enroll = true'],
    ['end a lock', 'update potctl_app.users set locked_until = null'],
    ['bring an ended session back', 'update potctl_app.sessions set revoked_at = null'],
    ['read a secret', 'select secret from potctl_app.mfa_factors'],
    ['owe nothing', 'delete from potctl.journal_due'],
  ])('cannot %s directly', async (_what, sql) => {
    expect(await attempt(sql)).toBe('42501');
  });

  test.each([
    ['without an entry', () => ''],
    ['with an entry about somebody else', () => entry(root!.key, 'mfa.codes', BROKEN)],
    ['with an entry of another action', () => entry(ana!.key, 'mfa.lookup')],
    ['with an entry that says refused', () => entry(ana!.key, 'mfa.codes', '{}', 'refused')],
  ])('cannot replace backup codes %s', async (_what, note) => {
    await site.enable(ana!, ['AAAA-BBBB-CCCC-DDDD']);
    const before = (await site.stored(ana!)).codes;
    expect(await attempt(`select potctl_app.codes_replace('${ana!.id}', ${CODES}); ${note()}`)).toBe('42501');
    expect((await site.stored(ana!)).codes).toEqual(before);
  });

  test('cannot roll back the entry, nor have it checked too early', async () => {
    const write = `select potctl_app.codes_replace('${ana!.id}', ${CODES})`;
    const note = entry(ana!.key, 'mfa.codes');
    expect(await attempt(`savepoint s; ${note} rollback to s; ${write}`)).toBe('42501');
    expect(await attempt(`${write}; savepoint s; ${note} set constraints all immediate; rollback to s`)).toBe('42501');
    expect(await attempt(`${note} ${write}`)).toBe('42501');
    expect((await site.stored(ana!)).codes).toEqual([]);
  });

  test('replaces them with the entry, which names the login', async () => {
    const done = `select potctl_app.codes_replace('${ana!.id}', ${CODES}); ${entry(ana!.key, 'mfa.codes')}`;
    expect(await attempt(done)).toBe('committed');
    const [row] = await site.database.query('select db_role, operator from potctl.journal where target = $1', [
      ana!.key,
    ]);
    expect(row).toEqual({ db_role: support.name, operator: 'eva@desk' });
    expect(await site.database.query('select * from potctl.journal_due')).toEqual([]);
  });

  test.each([
    ['codes', 'mfa.codes', (id: string) => `potctl_app.codes_replace('${id}', ${CODES})`],
    [
      'a secret',
      'mfa.enroll',
      (id: string) => `potctl_app.mfa_enroll('${id}', gen_random_uuid(), 'x', 'potctl:v1:k1:x')`,
    ],
    ['a reset', 'mfa.reset', (id: string) => `potctl_app.mfa_disable('${id}', '{}')`],
    ['an unlock', 'mfa.unlock', (id: string) => `potctl_app.unlock('${id}')`],
  ])('an administrator gets %s only if the entry records --break-glass', async (_what, action, call) => {
    const write = `select ${call(root!.id)};`;
    expect(await attempt(write + entry(root!.key, action))).toBe('42501');
    expect(await attempt(write + entry(root!.key, action, '{"break_glass": []}'))).toBe('42501');
    expect(await attempt(write + entry(root!.key, action, BROKEN))).toBe('committed');
  });

  test('a login cannot change its own account, whatever operator it claims', async () => {
    const own = await site.seed({ name: support.name });
    const write = `select potctl_app.unlock('${own.id}');`;
    expect(await attempt(write + entry(own.key, 'mfa.unlock'))).toBe('42501');
    expect(await attempt(write + entry(own.key, 'mfa.unlock', BROKEN))).toBe('committed');
  });
});

test('with the grants of `grants sql` support can reset, enroll, make codes and unlock on native, as its first lines say', async () => {
  expect(support.sql.split('\n').slice(0, 4).join('\n')).toContain(
    'This login, also if stolen, can enable and disable second factors',
  );
  await site.enable(ana!, ['AAAA-BBBB-CCCC-DDDD']);
  const change = (name: string, ...flags: string[]) =>
    support.run(['mfa', name, ana!.id, ...WHY, '--confirm', ana!.name, '--json', ...flags]);
  expect(await change('codes', '--codes-to', `${site.folder}/c-${ana!.id}`)).toMatchObject({ exitCode: 0 });
  expect((await site.stored(ana!)).codes).toHaveLength(10);
  expect(await change('reset')).toMatchObject({ exitCode: 0 });
  expect(await change('enroll', '--secret-to', `${site.folder}/s-${ana!.id}`)).toMatchObject({ exitCode: 0 });
  expect(await change('unlock')).toMatchObject({ exitCode: 0 });
  const rows = await site.database.query<{ action: string }>(
    `select action from potctl.journal where target = $1 and db_role = $2 order by seq`,
    [ana!.key, support.name],
  );
  expect(rows.map(({ action }) => action)).toEqual(['mfa.codes', 'mfa.reset', 'mfa.enroll', 'mfa.unlock']);
  const admin = await support.run(['mfa', 'reset', root!.id, ...WHY, '--confirm', root!.name]);
  expect(admin).toMatchObject({ exitCode: 30, stderr: expect.stringContaining('is an administrator') });
});

test('without the functions of native nothing is changed, and the error names the command that installs them', async () => {
  const old = await mfaSite('native', { version: 2, here: true });
  const who = await old.seed();
  await old.enable(who);
  const reset = await old.json(['reset', who.id, ...WHY, '--confirm', who.name]);
  expect(reset).toMatchObject({ exitCode: 17, error: { code: 'E_SETUP_MISSING', changed: 'nothing' } });
  expect(reset.error.fix.join(' ')).toContain('potctl setup --application native');
  expect((await old.stored(who)).enabled).toBe(true);
});

test('old rights on tables are reported as critical, and the current output of `grants sql` revokes them', async () => {
  const old = await mfaSite('native', { here: true });
  const look = async () => {
    const { item } = (await old.json(['check'])).doc;
    return item.rules.find(({ id }: { id: string }) => id === 'sec.schema');
  };
  const login = await grantedLogin(old.database, 'support');
  onTestFinished(login.end);
  expect(await look()).toMatchObject({ state: 'ok' });
  await old.database.query(`grant update (secret, status) on potctl_app.mfa_factors to potctl_support;
    grant delete on potctl_app.backup_codes to potctl_support`);
  const next = `potctl grants sql --role support --config ${old.config} -p test`;
  expect(await look()).toMatchObject({ state: 'crit', next });
  await old.database.query(login.sql);
  expect(await look()).toMatchObject({ state: 'ok' });
  await expect(login.as.query('delete from potctl_app.backup_codes')).rejects.toMatchObject({ code: '42501' });
});

describe('a support login cannot change what potctl stores', () => {
  const kinds = () =>
    site.database.query(
      'select kind, count(*)::int as n from potctl.mfa_attempt where person = $1 group by 1 order by 1',
      [ana!.key],
    );

  test.each(['ok', 'unlock', 'reset', 'totp', 'backup'])('%s: not without a journal entry', async (kind) => {
    expect(await attempt(`select potctl.mfa_note('${ana!.key}', '${kind}')`)).toBe('42501');
    expect(await kinds()).toEqual([]);
  });

  test.each([
    ['a block of its own making', (key: string) => `potctl.mfa_note('${key}', 'block')`],
    ['a step of the far future', (key: string) => `potctl.mfa_take_step('${key}#0a1b', 9223372036854775807, -1)`],
    [
      'a step of ten minutes on',
      (key: string) => `potctl.mfa_take_step('${key}#0a1b', floor(extract(epoch from now()) / 30)::bigint + 20, -1)`,
    ],
    ['a negative step', (key: string) => `potctl.mfa_take_step('${key}#0a1b', -5, -9)`],
    [
      'an entry without an operator',
      (key: string) => `potctl.audit_append(' ', 'mfa.reset', '${key}', 'a reason', null, 'done', 'r', 't', '{}')`,
    ],
    [
      'an entry of an action that is none',
      (key: string) => `potctl.audit_append('eva', 'x y', '${key}', 'a reason', null, 'done', 'r', 't', '{}')`,
    ],
    [
      'an entry with a status that is none',
      (key: string) => `potctl.audit_append('eva', 'mfa.reset', '${key}', 'a reason', null, 'maybe', 'r', 't', '{}')`,
    ],
    ['a person that is none', () => `potctl.mfa_gate('ana')`],
  ])('%s is refused', async (_what, call) => {
    expect(await attempt(`select ${call(ana!.key)}`)).toBe('22023');
  });

  test('a used time step requires a journal entry, and a factor of native accepts no future step', async () => {
    await site.enable(ana!);
    const [factor] = await site.database.query<{ id: string }>(
      'select id from potctl_app.mfa_factors where user_id = $1',
      [ana!.id],
    );
    const now = 'floor(extract(epoch from now()) / 30)::bigint';
    expect(await attempt(`select potctl.mfa_take_step('${ana!.key}#0a1b', ${now}, -1)`)).toBe('42501');
    await expect(
      site.database.query(`select potctl_app.mfa_mark_used('${factor!.id}', 9223372036854775807)`),
    ).rejects.toMatchObject({ code: '22023' });
  });

  test('of a hundred refused codes ten are counted, then codes are blocked for fifteen minutes', async () => {
    const refused = `select potctl.mfa_note('${ana!.key}', 'totp'); ${entry(ana!.key, 'mfa.verify', '{}', 'refused')}`;
    const answers: string[] = [];
    for (let n = 0; n < 100; n += 1) answers.push(await attempt(refused));
    expect(answers.filter((one) => one === 'committed')).toHaveLength(10);
    expect(new Set(answers.slice(10))).toEqual(new Set(['22023']));
    expect(await attempt(`set transaction isolation level repeatable read; ${refused}`)).toBe('22023');
  });

  test('a login that had thirty codes of a person refused in a day is blocked for that person; other logins are not', async () => {
    const secret = await site.enable(ana!);
    await site.database.query(
      `insert into potctl.mfa_attempt (person, kind, at, db_role)
       select $1, 'totp', clock_timestamp() - n * interval '20 minutes', $2 from generate_series(1, 30) n`,
      [ana!.key, support.name],
    );
    const gate = `select potctl.mfa_gate('${ana!.key}') - clock_timestamp() > interval '10 hours' as long`;
    expect((await support.as.query(gate)).rows).toEqual([{ long: true }]);
    expect(await site.mfa(['verify', ana!.id, '--code-stdin'], { stdin: codeAt(secret) })).toMatchObject({
      exitCode: 0,
    });
  });
});

describe('what may be appended to the journal', () => {
  const FIELDS = ['operator', 'action', 'target', 'reason', 'ticket', 'status', 'run_id', 'trace_id', 'details'];
  const SANE = ['eva', 'shop.order', 'x', 'a test of ours', null, 'done', 'r', 't', '{"a": 1}'];
  const append = (change: Readonly<Record<string, string>>) =>
    support.as
      .query(
        'select potctl.audit_append($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)',
        FIELDS.map((field, n) => change[field] ?? SANE[n]),
      )
      .then(
        () => 'committed',
        (error: { code: string }) => error.code,
      );
  const long = (length: number): string => 'a'.repeat(length);

  test.each<[string, string, string]>([
    ['operator', long(200), long(201)],
    ['action', `shop.${long(195)}`, `shop.${long(196)}`],
    ['target', long(400), long(401)],
    ['reason', long(2_000), long(2_001)],
    ['ticket', long(200), long(201)],
    ['run_id', long(200), long(201)],
    ['trace_id', long(200), long(201)],
    ['details', `{"a": "${long(65_000)}"}`, `{"a": "${long(66_000)}"}`],
  ])('has a size limit: %s', async (field, most, more) => {
    expect(await append({ [field]: most })).toBe('committed');
    expect(await append({ [field]: more })).toBe('22023');
    expect(await append({ [field]: long(1_000_000) })).not.toBe('committed');
  });

  test('cannot be an action of potctl itself, except for the owner of the schema', async () => {
    expect(await append({ action: 'potctl.setup' })).toBe('42501');
    expect(await append({})).toBe('committed');
    await site.database.query(
      `select potctl.audit_append('eva', 'potctl.setup', 'x', 'a test of ours', null, 'done', 'r', 't', '{}')`,
    );
  });

  test('also has a size limit for the target', async () => {
    const note = (target: string) =>
      support.as.query(`select potctl.run_note('r', 't', 'eva', 'mfa status', $1)`, [target]);
    await note(long(400));
    await expect(note(long(401))).rejects.toMatchObject({ code: '22023' });
  });
});

test('status and history show the authenticated login, and the claimed operator if it differs', async () => {
  const said = (operator: string, n: number) =>
    `select potctl.audit_append('${operator}', 'mfa.reset', '${ana!.key}', 'reason number ${n}', null, 'done', 'r', 't', '{"changed": true}')`;
  await support.as.query(said('the.director@office', 1));
  await support.as.query(said(support.name, 2));
  const status = await site.mfa(['status', ana!.id]);
  expect(status.stdout).toContain(`by ${support.name}: reason number 2`);
  expect(status.stdout).toContain(`by ${support.name} (claims to be the.director@office): reason number 1`);
  const { item } = (await site.json(['status', ana!.id])).doc;
  expect(item.resets_90d[1]).toMatchObject({ db_role: support.name, operator: 'the.director@office' });
  const history = await support.run(['history', '--target', ana!.key]);
  expect(history.stdout).toMatch(new RegExp(`${support.name}\\s.*the\\.director@office`));
});

test('mfa check reports factors and codes whose last change is not recorded, and no others', async () => {
  const own = await mfaSite('native', { here: true });
  const rule = async () => {
    const { item } = (await own.json(['check'])).doc;
    return item.rules.find(({ id }: { id: string }) => id === 'sec.unrecorded');
  };
  const who = await own.seed();
  const change = (name: string, ...flags: string[]) => own.mfa([name, who.id, ...WHY, ...flags]);
  await change('enroll', '--confirm', who.name, '--secret-to', `${own.folder}/s`);
  const secret = (await readFile(`${own.folder}/s`, 'utf8')).split('\n')[0]!;
  expect(
    await own.mfa(['confirm', who.id, ...WHY, '--code-stdin', '--codes-to', `${own.folder}/c`], {
      stdin: codeAt(secret),
    }),
  ).toMatchObject({ exitCode: 0 });
  expect(await rule()).toMatchObject({ state: 'ok', next: null });
  await own.database.query(`update potctl_app.mfa_factors set enabled_at = enabled_at + interval '1 hour'`);
  expect(await rule()).toMatchObject({ state: 'warn', detail: expect.stringContaining(who.key) });
  await own.database.query(
    `insert into potctl_app.audit_log (at, user_id, action, status)
     select enabled_at, user_id, 'mfa.confirmed', 'success' from potctl_app.mfa_factors`,
  );
  expect(await rule()).toMatchObject({ state: 'ok' });
  await own.database.query(`update potctl_app.backup_codes set created_at = now() + interval '2 hours'`);
  expect(await rule()).toMatchObject({ state: 'warn' });
});

test('if changes cannot be detected, mfa check says unknown and how to detect them', async () => {
  const plain = await mfaSite('3dpot', { here: true });
  const { item } = (await plain.json(['check'])).doc;
  expect(item.rules.find(({ id }: { id: string }) => id === 'sec.unrecorded')).toMatchObject({
    state: 'unknown',
    next: `potctl setup --guard-writes --config ${plain.config} -p test`,
  });
});

test('a login with another default isolation level can check codes', async () => {
  const secret = await site.enable(ana!);
  const role = await plainRole(site);
  onTestFinished(role.drop);
  await site.database.query(`alter role ${role.name} set default_transaction_isolation = 'repeatable read'`);
  const env = { PGUSER: role.name };
  expect(await site.mfa(['verify', ana!.id, '--code-stdin'], { stdin: codeAt(secret), env })).toMatchObject({
    exitCode: 0,
  });
});
