import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ChangePlan, ChangeResult } from '../../src/mfa/change.js';
import { planCodes, replaceCodes } from '../../src/mfa/codes.js';
import { confirmCode, planConfirm } from '../../src/mfa/confirm.js';
import { asText, toNewFile } from '../../src/mfa/delivery.js';
import type { MfaDeps } from '../../src/mfa/deps.js';
import { disable, planDisable } from '../../src/mfa/disable.js';
import { enroll, planEnroll } from '../../src/mfa/enroll.js';
import { connect } from '../support/database.js';
import {
  ALL_FORMS,
  codeAt,
  type Form,
  type MfaSite,
  mfaSite,
  newSecret,
  type TestPerson,
  WHY,
} from '../support/mfa.js';
import { engineOn } from '../support/mfa-engine.js';
import { FORMS } from '../support/mfa-forms.js';
import { plainRole } from '../support/mfa-role.js';

interface Change {
  plan(deps: MfaDeps, id: string): Promise<ChangePlan>;
  apply(deps: MfaDeps, plan: ChangePlan, file: string): Promise<ChangeResult>;
}

const FORM = { form: 'application', dryRun: false } as const;
const ENROLL = { another: true, label: 'app', issuer: null, dryRun: false } as const;
const RESET = { action: 'reset', factorId: null, dryRun: false } as const;
const file = (name: string) => toNewFile(name, asText);

const CHANGES: Readonly<Record<string, Change>> = {
  codes: {
    plan: (deps, id) => planCodes(deps, id, FORM),
    apply: (deps, plan, name) => replaceCodes(deps, plan, FORM, file(name)),
  },
  enroll: {
    plan: (deps, id) => planEnroll(deps, id, ENROLL),
    apply: (deps, plan, name) => enroll(deps, plan, ENROLL, file(name)),
  },
  reset: {
    plan: (deps, id) => planDisable(deps, id, RESET),
    apply: (deps, plan) => disable(deps, plan, RESET),
  },
};

/** A full set, so that a new one differs in nothing but its codes. */
const TEN = Array.from({ length: 10 }, (_, at) => `1234-567${at}`);

const codeOf = (error: unknown): unknown => (error as { code?: string }).code;

/** Both look, then both do it: the second one must be told, whichever that is. */
async function bothAtOnce(site: MfaSite, who: TestPerson, first: string, second: string): Promise<void> {
  const [one, two] = [await engineOn(site), await engineOn(site)];
  const plans = [await CHANGES[first]!.plan(one, who.id), await CHANGES[second]!.plan(two, who.id)] as const;
  const [kept, refused] = ['first', 'second'].map((name) => path.join(site.folder, name)) as [string, string];
  expect((await CHANGES[first]!.apply(one, plans[0], kept)).changed).toBe(true);
  const after = [await site.stored(who), await site.database.query('select * from potctl.journal')];
  expect(await CHANGES[second]!.apply(two, plans[1], refused).catch(codeOf)).toBe('E_MFA_CHANGED');
  expect(existsSync(refused)).toBe(false);
  expect([await site.stored(who), await site.database.query('select * from potctl.journal')]).toEqual(after);
}

const withCodes = ALL_FORMS.filter((form) => FORMS[form].codeKind !== null);

describe('of two operators the second is told that somebody was faster, and changes nothing', () => {
  test.each(withCodes)('%s: codes and codes', async (form) => {
    const site = await mfaSite(form);
    const who = await site.seed();
    await site.enable(who, TEN);
    await bothAtOnce(site, who, 'codes', 'codes');
  });

  test.each(ALL_FORMS)('%s: an enrollment and another one, where one waits already', async (form) => {
    const site = await mfaSite(form);
    const who = await site.seed();
    const deps = await engineOn(site);
    await CHANGES['enroll']!.apply(deps, await CHANGES['enroll']!.plan(deps, who.id), path.join(site.folder, 'zero'));
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
])('%s: a reset does not take a phone away that was enrolled after it was planned', async (form, sql) => {
  const site = await mfaSite(form);
  const who = await site.seed();
  await site.enable(who);
  const deps = await engineOn(site);
  const plan = await planDisable(deps, who.id, RESET);
  const fresh = form === 'native' ? (await site.stored(who)).secret!.replace(/.{8}$/, 'AAAAAAAA') : newSecret();
  await site.database.query(sql, [who.id, fresh]);
  expect(await disable(deps, plan, RESET).catch(codeOf)).toBe('E_MFA_CHANGED');
  expect(await site.stored(who)).toMatchObject({ enabled: true, secret: fresh });
});

test('a code is not held against an enrollment that somebody replaced meanwhile', async () => {
  const site = await mfaSite('3dpot');
  const who = await site.seed();
  const deps = await engineOn(site);
  const secret = path.join(site.folder, 'secret');
  await enroll(deps, await planEnroll(deps, who.id, ENROLL), ENROLL, file(secret));
  const plan = await planConfirm(deps, who.id);
  await enroll(deps, await planEnroll(deps, who.id, ENROLL), ENROLL, file(path.join(site.folder, 'other')));
  const code = codeAt(readFileSync(secret, 'utf8').split('\n')[0]!);
  const options = { form: 'application', trustClock: true } as const;
  const answer = await confirmCode(deps, plan, code, options, file(path.join(site.folder, 'codes'))).catch(codeOf);
  expect(answer).toBe('E_MFA_CHANGED');
  expect(await site.database.query('select * from potctl.mfa_attempt')).toEqual([]);
});

test('who became an administrator after the plan is not changed by it', async () => {
  const site = await mfaSite('3dpot');
  const who = await site.seed();
  await site.enable(who);
  const deps = await engineOn(site);
  const plan = await planDisable(deps, who.id, RESET);
  await site.database.query('update users set is_superuser = true where id = $1', [who.id]);
  expect(await disable(deps, plan, RESET).catch(codeOf)).toBe('E_MFA_CHANGED');
});

test('a role that may not read secrets sees the change of another operator all the same', async () => {
  const site = await mfaSite('3dpot');
  const who = await site.seed();
  await site.enable(who, ['1234-5678']);
  const role = await plainRole(site);
  await site.database.query(`revoke select (mfa_secret, mfa_backup_codes) on public.users from ${role.name}`);
  const [one, two] = [await engineOn(site, { user: role.name }), await engineOn(site, { user: role.name })];
  expect(one.database.readsSecrets).toBe(false);
  const plans = [await planCodes(one, who.id, FORM), await planCodes(two, who.id, FORM)] as const;
  await replaceCodes(one, plans[0], FORM, file(path.join(site.folder, 'first')));
  const second = replaceCodes(two, plans[1], FORM, file(path.join(site.folder, 'second')));
  expect(await second.catch(codeOf)).toBe('E_MFA_CHANGED');
  await role.drop();
});

test('two processes that both planned: one hands out codes that work, the other exits 11 and hands out nothing', async () => {
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
