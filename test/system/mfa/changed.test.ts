import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Prepared } from '../../../src/kernel/prepared.js';
import type { ChangePlan, ChangeResult } from '../../../src/mfa/change.js';
import type { Mfa } from '../../../src/mfa/open.js';
import { connect } from '../../support/database.js';
import {
  ALL_FORMS,
  codeAt,
  type Form,
  type MfaSite,
  mfaSite,
  newSecret,
  type TestPerson,
  WHY,
} from '../../support/mfa.js';
import { engineOn, into } from '../../support/mfa-engine.js';
import { FORMS } from '../../support/mfa-forms.js';
import { plainRole } from '../../support/mfa-role.js';

type Change = (mfa: Mfa, user: string, file: string) => Promise<Prepared<ChangePlan, ChangeResult>>;

const enroll = (mfa: Mfa, user: string, file: string) =>
  mfa.enroll({ user, another: true, label: 'app', issuer: null, place: into(file) });
const codes = (mfa: Mfa, user: string, file: string) => mfa.codes({ user, place: into(file) });
const CHANGES: Readonly<Record<string, Change>> = { codes, enroll, reset: (mfa, user) => mfa.reset({ user }) };

/** A full set, so that a new one differs in nothing but its codes. */
const TEN = Array.from({ length: 10 }, (_, at) => `1234-567${at}`);

const codeOf = (error: unknown): unknown => (error as { code?: string }).code;

/** Both look, then both do it: the second one must be told, whichever that is. */
async function bothAtOnce(site: MfaSite, who: TestPerson, first: string, second: string): Promise<void> {
  const [one, two] = [await engineOn(site), await engineOn(site)];
  const [kept, refused] = ['first', 'second'].map((name) => path.join(site.folder, name)) as [string, string];
  const plans = [await CHANGES[first]!(one, who.id, kept), await CHANGES[second]!(two, who.id, refused)] as const;
  expect((await plans[0].apply()).changed).toBe(true);
  const after = [await site.stored(who), await site.database.query('select * from potctl.journal')];
  expect(await plans[1].apply().catch(codeOf)).toBe('E_MFA_CHANGED');
  expect(existsSync(refused)).toBe(false);
  expect([await site.stored(who), await site.database.query('select * from potctl.journal')]).toEqual(after);
}

const withCodes = ALL_FORMS.filter((form) => FORMS[form].codeKind !== null);

describe('if two operators change the same user, the second is refused and changes nothing', () => {
  test.each(withCodes)('%s: two replacements of backup codes', async (form) => {
    const site = await mfaSite(form);
    const who = await site.seed();
    await site.enable(who, TEN);
    await bothAtOnce(site, who, 'codes', 'codes');
  });

  test.each(ALL_FORMS)('%s: two enrollments while one is pending', async (form) => {
    const site = await mfaSite(form);
    const who = await site.seed();
    await (await enroll(await engineOn(site), who.id, path.join(site.folder, 'zero'))).apply();
    await bothAtOnce(site, who, 'enroll', 'enroll');
  });

  test.each([
    ['codes', 'reset'],
    ['reset', 'codes'],
    ['reset', 'reset'],
  ])('%s and %s', async (first, second) => {
    const site = await mfaSite('native');
    const who = await site.seed({ sessions: 1 });
    await site.enable(who, ['7K3M-9QWX-2T5V-HJ8R']);
    await bothAtOnce(site, who, first, second);
  });
});

test.each<[Form, string]>([
  ['3dpot', `update users set mfa_secret = $2 where id = $1`],
  ['viu', `update usuarios set "twoFactorSecret" = $2 where id = $1`],
  ['evo-production', `update mfa_factors set secret = $2 where user_id::text = $1`],
  ['native', `update potctl_app.mfa_factors set secret = $2 where user_id = $1`],
])('%s: a reset does not remove a phone that was enrolled after the reset was planned', async (form, sql) => {
  const site = await mfaSite(form);
  const who = await site.seed();
  await site.enable(who);
  const reset = await (await engineOn(site)).reset({ user: who.id });
  const fresh = form === 'native' ? (await site.stored(who)).secret!.replace(/.{8}$/, 'AAAAAAAA') : newSecret();
  await site.database.query(sql, [who.id, fresh]);
  expect(await reset.apply().catch(codeOf)).toBe('E_MFA_CHANGED');
  expect(await site.stored(who)).toMatchObject({ enabled: true, secret: fresh });
});

test('a code is not checked against an enrollment that was replaced in the meantime', async () => {
  const site = await mfaSite('3dpot');
  const who = await site.seed();
  const mfa = await engineOn(site);
  const secret = path.join(site.folder, 'secret');
  await (await enroll(mfa, who.id, secret)).apply();
  const code = async () => codeAt(readFileSync(secret, 'utf8').split('\n')[0]!);
  const place = into(path.join(site.folder, 'codes'));
  const confirm = await mfa.confirm({ user: who.id, code, place, trustClock: true });
  await (await enroll(mfa, who.id, path.join(site.folder, 'other'))).apply();
  expect(await confirm.apply().catch(codeOf)).toBe('E_MFA_CHANGED');
  expect(await site.database.query('select * from potctl.mfa_attempt')).toEqual([]);
});

test('a plan is refused if the user became an administrator after it was made', async () => {
  const site = await mfaSite('3dpot');
  const who = await site.seed();
  await site.enable(who);
  const reset = await (await engineOn(site)).reset({ user: who.id });
  await site.database.query('update users set is_superuser = true where id = $1', [who.id]);
  expect(await reset.apply().catch(codeOf)).toBe('E_MFA_CHANGED');
});

test("a role that cannot read secrets still notices another operator's change", async () => {
  const site = await mfaSite('3dpot');
  const who = await site.seed();
  await site.enable(who, ['1234-5678']);
  const role = await plainRole(site);
  await site.database.query(`revoke select (mfa_secret, mfa_backup_codes) on public.users from ${role.name}`);
  const [one, two] = [await engineOn(site, { user: role.name }), await engineOn(site, { user: role.name })];
  expect((await one.status(who.id)).factors).toMatchObject([{ state: 'enabled', secret: 'hidden' }]);
  const [first, second] = [
    await codes(one, who.id, path.join(site.folder, 'first')),
    await codes(two, who.id, path.join(site.folder, 'second')),
  ];
  await first.apply();
  expect(await second.apply().catch(codeOf)).toBe('E_MFA_CHANGED');
  await role.drop();
});

test('of two processes with the same plan, one hands out working codes and the other exits 11 without handing out any', async () => {
  const site = await mfaSite('3dpot');
  const who = await site.seed();
  await site.enable(who, TEN);
  const names = ['a', 'b'].map((name) => path.join(site.folder, name));
  const holder = await connect(site.database.name);
  await holder.query('begin');
  await holder.query('select id from public.users where id = $1 for update', [who.id]);
  const runs = names.map((name) =>
    site.json(['codes', who.id, ...WHY, '--confirm', who.name, '--codes-to', name], { env: {} }),
  );
  // Both wait behind this row, or behind each other: both have planned.
  const waiting = `select count(*)::int as count from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'`;
  await expect
    .poll(async () => (await site.database.query<{ count: number }>(waiting, [site.database.name]))[0]!.count, {
      timeout: 10_000,
    })
    .toBe(2);
  await holder.end();
  const answers = await Promise.all(runs);
  expect(answers.map(({ exitCode }) => exitCode).sort()).toEqual([0, 11]);
  expect(answers.find(({ exitCode }) => exitCode === 11)!.error).toMatchObject({
    ...{ code: 'E_MFA_CHANGED', changed: 'nothing', retryable: true },
  });
  const made = names.filter((name) => existsSync(name));
  expect(made).toHaveLength(1);
  expect((await site.stored(who)).codes).toEqual(readFileSync(made[0]!, 'utf8').trim().split('\n'));
});
