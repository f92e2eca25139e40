import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusalOf } from '../../support/bad-input.js';
import { freshDatabase } from '../../support/database.js';
import { type MfaSite, mfaSite, WHY } from '../../support/mfa.js';
import type { Ran } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';

const PROFILES = `  ticketed:
    guards: { ticket: '^SUP-[0-9]+$', protected: [mfa.disable] }
  live:
    environment: production
default_profile: live
`;

let site: MfaSite;
beforeAll(async () => {
  site = await mfaSite('3dpot', { keep: true, here: true, profile: PROFILES });
});
afterAll(() => site.remove());

const run = (database: string, ...args: string[]): Promise<Ran> =>
  potctl([...args, '--json'], { env: { PGDATABASE: database } });
/** With the site's configuration and these words, no profile unless they name one. */
const configured = (...args: string[]): Promise<Ran> => run(site.database.name, ...args, '--config', site.config);
const mfa = (...args: string[]): Promise<Ran> => site.mfa([...args, '--json']);
const file = (name: string): string => path.join(site.folder, name);
const journal = () => site.database.query('select seq from potctl.journal');

/** Runs it and wants this answer; what stands in the journal and in the folder is the same afterwards. */
async function refused(ran: Promise<Ran>, exitCode: number, code: string, said: string | RegExp): Promise<void> {
  const before = [await journal(), await readdir(site.folder)];
  const refusal = refusalOf(await ran);
  expect(refusal).toMatchObject({ exit: exitCode, code });
  expect(`${refusal.message}\n${JSON.stringify(refusal.why ?? '')}\n${refusal.fix.join('\n')}`).toMatch(said);
  expect([await journal(), await readdir(site.folder)]).toEqual(before);
}

test('no match and two matches are exit 10; all matches are listed and none is chosen', async () => {
  await refused(mfa('status', 'nobody@example.com'), 10, 'E_USER_NOT_FOUND', /there is no user 'nobody@example.com'/);
  const [one, two] = [await site.seed({ name: 'twin' }), await site.seed()];
  await site.database.query(`update users set email = 'TWIN' where id = $1`, [two.id]);
  const reset = mfa('reset', 'Twin', ...WHY, '--confirm', 'twin');
  await refused(reset, 10, 'E_USER_AMBIGUOUS', new RegExp(`(?=[\\s\\S]*${one.id})(?=[\\s\\S]*${two.id})`));
  expect((await mfa('status', one.id)).exitCode).toBe(0);
});

test('a change without a reason, with a meaningless one, or without the required ticket is refused', async () => {
  const who = await site.seed();
  const reset = ['reset', who.id, '--confirm', who.name];
  await refused(mfa(...reset), 30, 'E_REASON_REQUIRED', /no reason was given/);
  await refused(mfa(...reset, '--reason', 'ok'), 30, 'E_REASON_REQUIRED', /fewer than 10/);
  await refused(mfa(...reset, '--reason', 'test test test 123'), 30, 'E_REASON_REQUIRED', /does not explain anything/);
  const ticketed = ['mfa', ...reset, ...WHY, '-p', 'ticketed'];
  await refused(configured(...ticketed), 30, 'E_REASON_REQUIRED', /ticket/);
  await refused(configured(...ticketed, '--ticket', 'INC-1'), 30, 'E_REASON_REQUIRED', /'INC-1' does not match/);
  expect((await configured(...ticketed, '--ticket', 'SUP-1')).exitCode).toBe(0);
});

test("administrators, one's own account and protected commands require --break-glass, which is recorded", async () => {
  const [admin, own] = [await site.seed({ admin: true, sessions: 1 }), await site.seed({ name: 'maria' })];
  await site.enable(admin);
  const reset = ['reset', admin.id, ...WHY, '--confirm', admin.name];
  await refused(mfa(...reset), 30, 'E_BREAK_GLASS', /is an administrator/);
  expect(refusalOf(await mfa(...reset)).fix).toEqual([
    expect.stringMatching(
      /^Changes to administrators require --break-glass, .*in the journal: `potctl mfa reset .* --break-glass`$/,
    ),
  ]);
  await refused(
    mfa('reset', own.id, ...WHY, '--confirm', 'maria', '--operator', 'Maria@desk'),
    30,
    'E_BREAK_GLASS',
    /your own account/,
  );
  const disable = configured(
    'mfa',
    'disable',
    own.id,
    ...WHY,
    '--confirm',
    'maria',
    '-p',
    'ticketed',
    '--ticket',
    'SUP-1',
  );
  await refused(disable, 30, 'E_BREAK_GLASS', /protects mfa.disable/);
  expect((await mfa(...reset, '--break-glass')).exitCode).toBe(0);
  const [entry] = await site.database.query(
    `select details->'break_glass' as why from potctl.journal where target = $1`,
    [admin.key],
  );
  expect(entry).toEqual({ why: [`${admin.name} is an administrator`] });
});

test('status and explain answer in sentences, with a subject', async () => {
  const admin = await site.seed({ admin: true });
  await site.enable(admin);
  const status = await site.mfa(['status', admin.id]);
  expect(status.stdout).toContain('\n  ! The user is an administrator.\n');
  expect(status.stdout).toMatch(/\n {2}resets in 90d +0\n/);
  expect(status.stderr).toMatch(/^ {2}The login of the application accepts 6 to 8 characters, .*\.$/m);
  const { stdout } = await site.mfa(['explain', admin.id]);
  expect(stdout).toMatch(/^.+\n {2}Nothing in the database prevents this user from signing in: .*\.\n/);
});

test('production must be named with -p, and a superuser needs --break-glass there', async () => {
  const who = await site.seed();
  const reset = ['mfa', 'reset', who.id, ...WHY, '--confirm', who.name];
  await refused(configured(...reset), 30, 'E_PROFILE_REQUIRED', /-p live/);
  await refused(configured(...reset, '-p', 'live'), 30, 'E_BREAK_GLASS', /is a superuser/);
});

test('a secret goes to a terminal or a new file, and nowhere else', async () => {
  const who = await site.seed();
  const enroll = ['enroll', who.id, ...WHY, '--confirm', who.name];
  await refused(mfa(...enroll), 30, 'E_SECRET_OUTPUT', /terminal/);
  await writeFile(file('taken'), 'mine');
  await refused(mfa(...enroll, '--secret-to', file('taken')), 30, 'E_SECRET_OUTPUT', /exists/);
  expect(await readFile(file('taken'), 'utf8')).toBe('mine');
  await refused(mfa(...enroll, '--secret-to', file('none/secret')), 30, 'E_SECRET_OUTPUT', /cannot create/);
  await refused(
    mfa('enroll', who.id, ...WHY, '--confirm', 'ana', '--secret-to', file('s')),
    30,
    'E_CONFIRM_WRONG',
    /'ana' was given/,
  );
  await refused(mfa('enroll', who.id, ...WHY, '--secret-to', file('s')), 30, 'E_CONFIRM_REQUIRED', /--confirm/);
  expect(await site.stored(who)).toEqual({ enabled: false, secret: null, codes: [] });
});

test('an issuer that authenticator apps would misread, and a second enrollment, are refused', async () => {
  const [who, on] = [await site.seed(), await site.seed()];
  const secret = await site.enable(on, ['1234-5678']);
  const flags = [...WHY, '--secret-to', file('s')];
  await refused(
    mfa('enroll', who.id, ...flags, '--confirm', who.name, '--issuer', 'Acme: live'),
    2,
    'E_USAGE',
    /colon/,
  );
  await refused(
    mfa('enroll', who.id, ...flags, '--confirm', who.name, '--issuer', '🔐'),
    2,
    'E_USAGE',
    /letter or digit/,
  );
  await refused(
    mfa('enroll', on.id, ...flags, '--confirm', on.name),
    30,
    'E_MFA_STATE',
    /already has a second factor[\s\S]*mfa reset/,
  );
  expect(await site.stored(on)).toEqual({ enabled: true, secret, codes: ['1234-5678'] });
  const fine = await site.json(['enroll', who.id, ...flags, '--confirm', who.name, '--issuer', 'Açmé 🔐', '--dry-run']);
  expect(fine).toMatchObject({ exitCode: 0, doc: { changed: false, dry_run: true } });
});

test('before setup, and with version 1 of the schema, reading works and changes are refused', async () => {
  for (const version of [0, 1] as const) {
    const early = await mfaSite('3dpot', { version, here: true });
    const who = await early.seed();
    await early.enable(who, ['1234-5678']);
    const database = early.database.name;
    const codes = await Promise.all(
      (version === 0 ? [['status', who.id], ['list'], ['stats'], ['explain', who.id]] : [['status', who.id]]).map(
        (args) => early.mfa(args),
      ),
    );
    expect(new Set(codes.map(({ exitCode }) => exitCode))).toEqual(new Set([0]));
    const reset = ['mfa', 'reset', who.id, ...WHY, '--confirm', who.name];
    const refusal = refusalOf(await run(database, ...reset));
    expect(refusal).toMatchObject({
      exit: 17,
      code: 'E_SETUP_MISSING',
      fix: [expect.stringContaining('potctl setup')],
    });
    expect((await early.mfa(['verify', who.id, '--code-stdin'], { stdin: '1234-5678' })).exitCode).toBe(17);
    expect(await early.stored(who)).toMatchObject({ enabled: true, codes: ['1234-5678'] });
    if (version === 0) continue;
    expect((await run(database, 'setup', '--yes', '--reason', 'second factors, CHG-118')).exitCode).toBe(0);
    expect(JSON.parse((await run(database, ...reset)).stdout)).toMatchObject({ changed: true });
  }
});

test('an unsupported schema is not changed, and its missing and different columns are named', async () => {
  const names = { empty: '', near: 'create table users (id uuid, mfa_enabled boolean)' };
  const strange = async (schema: string) => (await freshDatabase({ schema })).name;
  await refused(
    run(await strange(names.empty), 'mfa', 'stats'),
    15,
    'E_APPLICATION',
    /does not have the tables of a known application/,
  );
  await refused(
    run(await strange(names.near), 'mfa', 'stats'),
    15,
    'E_APPLICATION',
    /3dpot: public.users has no mfa_secret, mfa_backup_codes/,
  );
  const pot = await freshDatabase({ schema: '3dpot' });
  await pot.query('alter table users alter mfa_backup_codes type jsonb');
  await pot.query('alter table refresh_tokens drop is_revoked');
  await refused(
    run(pot.name, 'mfa', 'stats'),
    15,
    'E_APPLICATION',
    /users.mfa_backup_codes is jsonb, not json[\s\S]*refresh_tokens.is_revoked is missing/,
  );
  await pot.query('drop table refresh_tokens');
  await refused(
    run(pot.name, 'mfa', 'stats'),
    15,
    'E_APPLICATION',
    /tables of '3dpot' are missing: refresh_tokens\n[\s\S]*If they were lost, .*potctl restore plan latest/,
  );
  const both = await freshDatabase({ schema: '3dpot' });
  await both.query(await readFile(new URL('../../fixtures/schemas/viu.sql', import.meta.url), 'utf8'));
  await refused(
    run(both.name, 'mfa', 'stats'),
    15,
    'E_APPLICATION',
    /3dpot in the schema public; viu in the schema public/,
  );
});

test('a role without rights is exit 12 and gets no information', async () => {
  const who = await site.seed();
  const role = `nobody_${process.pid}`;
  await site.database.query(`create role ${role} login`);
  for (const args of [['status', who.id], ['stats'], ['reset', who.id, ...WHY, '--confirm', who.name]]) {
    const ran = await site.mfa([...args, '--json'], { env: { PGUSER: role } });
    expect(refusalOf(ran)).toMatchObject({ exit: 12, code: 'E_DB_DENIED' });
  }
  await site.database.query(`drop role ${role}`);
});

test('a name that could break a shell or a terminal is escaped, and the id is typed to confirm', async () => {
  const name = `o'brien "x"\n$(id)\u001b[31m`;
  const who = await site.seed({ name, fullName: '\u001b]0;owned\u0007; drop table users' });
  await site.enable(who, ['1234-5678']);
  const shown = await site.mfa(['reset', who.id, ...WHY, '--confirm', 'x']);
  expect(shown.exitCode).toBe(30);
  expect(shown.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  const done = await site.json(['reset', who.id, ...WHY, '--confirm', who.id]);
  expect(done).toMatchObject({ exitCode: 0, doc: { changed: true, result: { person: { name } } } });
  const [entry] = await site.database.query(
    `select details->>'person' as person from potctl.journal where target = $1`,
    [who.key],
  );
  expect(entry).toEqual({ person: name });
});
