import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkClock } from '../../../src/mfa/clock-check.js';
import { type MfaSite, mfaSite, wrongCodes } from '../../support/mfa.js';
import { engineOn, verifyOne } from '../../support/mfa-engine.js';
import { plainRole } from '../../support/mfa-role.js';
import { openTestServer } from '../../support/server.js';

let site: MfaSite;
beforeAll(async () => {
  site = await mfaSite('3dpot', { keep: true, profile: '    environment: production\n' });
});
afterAll(() => site.remove());

const MINUTE = 60;

/** As if the role had changed second factors so long ago: one change for each person that is named. Far behind the journal's own numbers. */
async function changed(role: string, people: readonly string[], seconds: number): Promise<void> {
  for (const target of people) {
    await site.database.query(
      `insert into potctl.journal (seq, at, db_role, operator, action, target, reason, status, details, prev_hash, hash)
       select max(seq) + 1, clock_timestamp() - $3 * interval '1 s', $1, 'maria', 'mfa.reset', $2, 'new phone', 'done', '{"changed": true}', $4, $5
         from (select 1000000 as seq union all select seq from potctl.journal) j`,
      [role, target, seconds, randomBytes(32), randomBytes(32)],
    );
  }
}

const times = (count: number): string[] => Array.from({ length: count }, () => '3dpot:one');
const several = (count: number): string[] => Array.from({ length: count }, (_, at) => `3dpot:${at}`);

test.each<[string, 'allowed' | 'E_BREAK_GLASS', string[], number]>([
  ['nine changes within an hour', 'allowed', times(9), 58 * MINUTE],
  ['ten changes within an hour', 'E_BREAK_GLASS', times(10), 58 * MINUTE],
  ['ten changes more than an hour ago', 'allowed', times(10), 61 * MINUTE],
  ['changes of two people within ten minutes', 'allowed', several(2), 8 * MINUTE],
  ['changes of three people within ten minutes', 'E_BREAK_GLASS', several(3), 8 * MINUTE],
  ['changes of three people more than ten minutes ago', 'allowed', several(3), 11 * MINUTE],
])('in production, after %s, one more is %s', async (_, wanted, people, seconds) => {
  const role = await plainRole(site);
  const who = await site.seed();
  await site.enable(who);
  await changed(role.name, people, seconds);
  const reset = (await engineOn(site, { user: role.name })).reset({ user: who.id });
  const answer = await reset.then(
    () => 'allowed',
    ({ code }) => code,
  );
  await role.drop();
  expect(answer).toBe(wanted);
});

test('an enrollment can be confirmed for 24 hours', async () => {
  const mfa = await engineOn(site);
  for (const [age, isExpired] of [
    ['23 h 59 min', false],
    ['24 h 1 min', true],
  ] as const) {
    const who = await site.seed();
    await site.enable(who);
    await site.database.query(
      `update users set mfa_enabled = false, updated_at = (clock_timestamp() - $2::interval) at time zone 'UTC' where id = $1`,
      [who.id, age],
    );
    expect(await mfa.status(who.id)).toMatchObject({ state: 'pending', pending_expired: isExpired });
  }
});

test.each<[number, 'nothing' | 'a warning' | 'E_CLOCK']>([
  [1_500, 'nothing'],
  [2_500, 'a warning'],
  [4_500, 'a warning'],
  [5_500, 'E_CLOCK'],
])('of clocks that differ by %i ms comes %s', async (off, wanted) => {
  const session = await openTestServer(site.database.name).session({ purpose: 'test' });
  const answers: string[] = [];
  for (const ms of [off, -off]) {
    const clock = { now: () => new Date(Date.now() + ms), monotonicMs: () => performance.now() };
    const answer = await checkClock(session, clock, false).catch(({ code }) => ({ code }));
    answers.push(answer === null ? 'nothing' : typeof answer === 'string' ? 'a warning' : answer.code);
  }
  await session.close();
  expect(answers).toEqual([wanted, wanted]);
});

test.each([
  ['ten refused codes block when the first of them came within a minute', '45 s', 9, 'E_MFA_BLOCKED'],
  ['ten refused codes block no more when the first of them came more than a minute ago', '61 s', 9, 'E_CODE_REFUSED'],
  ['thirty refused codes of one login block when the first came within a day', '23 h 59 min', 29, 'E_MFA_BLOCKED'],
  ['thirty refused codes of one login block no more after a day', '24 h 1 s', 29, 'E_CODE_REFUSED'],
])('%s', async (_, ago, many, answer) => {
  const mfa = await engineOn(site);
  const who = await site.seed();
  const secret = await site.enable(who);
  await mfa.status(who.id);
  // All but one at that time: the last is refused now.
  await site.database.query(
    `insert into potctl.mfa_attempt (person, at, kind) select $1, clock_timestamp() - $2::interval, 'totp' from generate_series(1, $3)`,
    [who.key, ago, many],
  );
  const [last, next] = wrongCodes(secret, 2) as [string, string];
  expect(await verifyOne(mfa, who.id, last)).toBe('E_CODE_REFUSED');
  expect(await verifyOne(mfa, who.id, next)).toBe(answer);
});
