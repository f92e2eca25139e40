import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { connect, freshDatabase, inMaintenance, type TestDatabase } from '../../support/database.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { type GrantedLogin, grantedLogin } from './granted-login.js';
import { type Plant, plant, wordsOf } from './planting.js';

const USER = '33333333-3333-3333-3333-333333333333';
const FACTOR = '44444444-4444-4444-4444-444444444444';
const PERSON = `native:${USER}`;
const SCHEMAS = ['potctl', 'potctl_app'];
const SEED = `insert into potctl_app.users (id, email, username) values ('${USER}', 'ana@example.com', 'ana')`;

const template = (name: string): Promise<string> =>
  readFile(new URL(`../../../templates/sql/${name}.sql`, import.meta.url), 'utf8');

/** A call of every function that a role of `grants sql` may run, each with what it takes for good. */
const CALLS: Readonly<Record<string, string>> = {
  audit_append: `potctl.audit_append('eva', 'mfa.verify', '${PERSON}', 'a test of ours', null, 'refused', 'r', 't', '{"a": 1}')`,
  mfa_gate: `potctl.mfa_gate('${PERSON}')`,
  mfa_note: `potctl.mfa_note('${PERSON}', 'ok')`,
  mfa_take_step: `potctl.mfa_take_step('native:${FACTOR}#0a1b', floor(extract(epoch from now()) / 30)::bigint, -1)`,
  mfa_enrollment_began: `potctl.mfa_enrollment_began('native:${FACTOR}#0a1b', '${PERSON}')`,
  mfa_enrollment_ended: `potctl.mfa_enrollment_ended('${PERSON}')`,
  journal_owe: `potctl.journal_owe('${PERSON}', '{mfa.reset}', 'done', null)`,
  run_note: `potctl.run_note('r', 't', 'eva', 'mfa.status', '${PERSON}')`,
  lock_person: `potctl_app.lock_person('${USER}')`,
  mfa_enroll: `potctl_app.mfa_enroll('${USER}', '${FACTOR}', 'phone', 'potctl:v1:k1:x')`,
  mfa_disable: `potctl_app.mfa_disable('${USER}', '{${FACTOR}}')`,
  codes_replace: `potctl_app.codes_replace('${USER}', '{potctl$scrypt$1}')`,
  codes_clear: `potctl_app.codes_clear('${USER}')`,
  unlock: `potctl_app.unlock('${USER}')`,
  require_enrollment: `potctl_app.require_enrollment('${USER}')`,
  sessions_end: `potctl_app.sessions_end('${USER}')`,
};

/** Functions that run as their owner although a caller could make them find something of the caller's, or that anybody may run. */
const unsafe = ({ query }: Pick<TestDatabase, 'query'>) =>
  query(
    `select n.nspname, p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname = any($1)
        and (not exists (select from unnest(p.proconfig) c where c ~ '^search_path=.*pg_temp"?$')
             or exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0))`,
    [SCHEMAS],
  );

const setup = (database: TestDatabase, ...args: string[]) =>
  potctl(['setup', '--yes', ...args], { env: { PGDATABASE: database.name } });

describe('as a login of support', () => {
  let database: TestDatabase;
  let support: GrantedLogin;
  beforeAll(async () => {
    database = await freshDatabase({ schema: 'native', dropAfterTest: false });
    await database.query(SEED);
    expect((await setup(database, '--application', 'native')).exitCode).toBe(0);
    support = await grantedLogin(database, 'support');
  });
  afterAll(() => support.end());

  test('this test calls every function that it can execute', async () => {
    const { rows } = await support.as.query(
      `select p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = any($1) and has_function_privilege(p.oid, 'execute') order by 1`,
      [SCHEMAS],
    );
    expect(rows.map(({ name }) => name)).toEqual(Object.keys(CALLS).sort());
    for (const call of Object.values(CALLS)) {
      await support.as.query('begin');
      await support.as.query(`select ${call}`);
      await support.as.query('rollback');
    }
  });

  test.each<[Plant, number]>([
    ['domains', 12],
    ['relations', 100],
    ['functions', 20],
    ['operators', 100],
  ])('no function runs planted %s, of any name in its body, as its owner', async (kind, least) => {
    const as = await connect(database.name, { user: support.name });
    onTestFinished(() => as.end());
    const words = await wordsOf(database.client, SCHEMAS);
    const planted = await plant(as, kind, words);
    expect(planted.count).toBeGreaterThan(least);
    for (const [name, call] of Object.entries(CALLS)) {
      await as.query('begin');
      const failed = await as.query(`select ${call}`).then(
        () => null,
        (error: Error) => error.message,
      );
      // What is owed is checked at the end of a transaction, by a trigger.
      await as.query('set constraints all immediate').catch(() => {});
      await as.query('rollback');
      expect({ name, failed, ran: planted.loot().filter((who) => who !== support.name) }).toEqual({
        ...{ name, failed: null, ran: [] },
      });
    }
  });

  test('settings of the caller do not change how an entry is hashed', async () => {
    const as = await connect(database.name, { user: support.name });
    onTestFinished(() => as.end());
    const settings = ['standard_conforming_strings = off', `bytea_output = 'escape'`, `datestyle = 'SQL, DMY'`];
    for (const setting of [...settings, `timezone = 'Asia/Kathmandu'`, `intervalstyle = 'iso_8601'`]) {
      await as.query(`set ${setting}`).catch(() => {});
    }
    await as.query(`select ${CALLS['audit_append']}`);
    const verified = await potctl(['audit', 'verify', '--json'], { env: { PGDATABASE: database.name } });
    expect(JSON.parse(verified.stdout).item).toMatchObject({ ok: true });
  });

  test.each(['auditor', 'backup', 'triage'])('%s can execute none of them', async (role) => {
    const site = await freshDatabase({ schema: 'native', dropAfterTest: false });
    await setup(site, '--application', 'native');
    const login = await grantedLogin(site, role);
    onTestFinished(login.end);
    for (const call of Object.values(CALLS)) {
      await expect(login.as.query(`select ${call}`)).rejects.toMatchObject({ code: '42501' });
    }
  });
});

test('the attack is real: on version 2 a planted domain runs as the owner', async () => {
  const database = await freshDatabase({ schema: 'native', dropAfterTest: false });
  for (const name of ['potctl-1', 'potctl-2']) await database.query(await template(name));
  const login = `old_${database.name}`;
  await database.query(`create role ${login} login; grant usage on schema potctl to ${login};
    grant execute on all functions in schema potctl to ${login}; grant temporary on database ${database.name} to ${login}`);
  const as = await connect(database.name, { user: login });
  onTestFinished(async () => {
    await as.end();
    await database.drop();
    await inMaintenance((client) => client.query(`drop role ${login}`));
  });
  const planted = await plant(as, 'domains', await wordsOf(database.client, SCHEMAS));
  await as.query(`select ${CALLS['mfa_gate']}`).catch(() => {});
  expect(planted.loot()).toContain('postgres');
  // Nobody is told to grant it.
  const printed = await potctl(['grants', 'sql', '--role', 'support'], { env: { PGDATABASE: database.name } });
  expect(printed.stdout).toContain('has an older version: run `potctl setup`');
  expect(printed.stdout).not.toContain('GRANT EXECUTE');
});

describe('no function of potctl is executable by PUBLIC or without a safe search_path', () => {
  test.each([
    ['nothing', []],
    ['version 1', ['potctl-1']],
    ['version 2', ['potctl-1', 'potctl-2']],
  ])('after a setup where %s was installed', async (_what, installed) => {
    const database = await freshDatabase();
    for (const name of installed) await database.query(await template(name));
    const dry = await potctl(['setup', '--dry-run'], { env: { PGDATABASE: database.name } });
    expect(dry.stdout).toContain('CREATE OR REPLACE FUNCTION potctl.mfa_gate');
    expect(dry.stderr.includes('CRITICAL')).toBe(installed.length > 0);
    expect((await setup(database)).exitCode).toBe(0);
    expect(await unsafe(database)).toEqual([]);
    expect((await database.query('select max(version) as n from potctl.schema_version'))[0]).toEqual({ n: 3 });
    expect((await setup(database)).exitCode).toBe(0);
  });

  test('at any moment of an installation, for any other session', async () => {
    const database = await freshDatabase();
    const other = await connect(database.name);
    onTestFinished(() => other.end());
    let [done, looks] = [false, 0];
    const installing = setup(database, '--application', 'native').finally(() => {
      done = true;
    });
    while (!done) {
      expect(await unsafe({ query: async (sql, values) => (await other.query(sql, values)).rows as never })).toEqual(
        [],
      );
      looks += 1;
    }
    expect((await installing).exitCode).toBe(0);
    expect(looks).toBeGreaterThan(1);
  });
});

test('an older schema is reported as critical by doctor, setup and mfa check, with the command that fixes it', async () => {
  const database = await freshDatabase({ schema: 'native' });
  for (const name of ['potctl-1', 'potctl-2']) await database.query(await template(name));
  const env = { PGDATABASE: database.name };
  const seen = async () => {
    const items = JSON.parse((await potctl(['doctor', '--json'], { env })).stdout).items;
    const { item } = JSON.parse((await potctl(['mfa', 'check', '--json'], { env })).stdout);
    return {
      doctor: items.find(({ check }: { check: string }) => check === 'schema potctl'),
      check: item.rules.find(({ id }: { id: string }) => id === 'sec.schema'),
    };
  };
  const mends = expect.stringMatching(new RegExp(`^PGHOST=\\S+ .*PGDATABASE=${database.name} potctl setup$`));
  expect(await seen()).toMatchObject({
    doctor: { state: 'FAIL', fix: mends },
    check: { state: 'crit', next: mends },
  });
  expect((await setup(database)).exitCode).toBe(0);
  expect(await seen()).toMatchObject({
    doctor: { state: 'OK', detail: 'version 3, up to date', fix: null },
    check: { state: 'ok' },
  });
});

test('where another role owns the tables, the functions run as that role, never as whoever ran the setup', async () => {
  const database = await freshDatabase({ schema: 'native', dropAfterTest: false });
  const owner = `own_${database.name}`;
  onTestFinished(async () => {
    await database.drop();
    const client = await connect('postgres');
    await client.query(`drop role ${owner}`);
    await client.end();
  });
  await database.query(`create role ${owner}; alter schema potctl_app owner to ${owner}`);
  for (const table of ['users', 'sessions', 'mfa_factors', 'backup_codes', 'audit_log', 'security_events']) {
    await database.query(`alter table potctl_app.${table} owner to ${owner}`);
  }
  expect((await setup(database)).exitCode).toBe(0);
  const owners = await database.query(
    `select distinct proowner::regrole::text as owner from pg_proc where pronamespace = 'potctl_app'::regnamespace`,
  );
  expect(owners).toEqual([{ owner }]);
  await database.query(SEED);
  await database.query(`begin; select potctl_app.unlock('${USER}');
    select potctl.audit_append('eva', 'mfa.unlock', '${PERSON}', 'a test of ours', null, 'done', 'r', 't', '{}'); commit`);
});
