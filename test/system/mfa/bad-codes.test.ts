import { existsSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeBackupCodes } from '../../../src/mfa/backup-codes.js';
import { checkClock } from '../../../src/mfa/clock-check.js';
import {
  codeAt,
  type Form,
  type MfaSite,
  mfaSite,
  newSecret,
  roomInStep,
  type TestPerson,
  WHY,
  wrongCodes,
} from '../../support/mfa.js';
import { engineOn, verifyOne } from '../../support/mfa-engine.js';
import { openTestServer } from '../../support/server.js';

const sites = {} as Record<'3dpot' | 'viu' | 'native' | 'evo', MfaSite>;
beforeAll(async () => {
  for (const form of ['3dpot', 'viu', 'native', 'evo'] as const)
    sites[form] = await mfaSite(form, { keep: true, here: true });
});
afterAll(async () => {
  for (const site of Object.values(sites)) await site.remove();
});

const attempts = async ({ database }: MfaSite, { key }: TestPerson): Promise<string[]> =>
  (
    await database.query<{ kind: string }>('select kind from potctl.mfa_attempt where person = $1 order by id', [key])
  ).map(({ kind }) => kind);
const verify = (site: MfaSite, who: TestPerson, code: string, ...flags: string[]) =>
  site.json(['verify', who.id, '--code-stdin', ...flags], { stdin: code });

test('input that is not a code is a usage error and counts no attempt', async () => {
  const site = sites['3dpot'];
  const who = await site.seed();
  await site.enable(who);
  const shown = await verify(site, who, '12345');
  expect(shown).toMatchObject({
    exitCode: 2,
    error: { code: 'E_USAGE', why: 'no attempt was counted', changed: 'nothing' },
  });
  const mfa = await engineOn(site);
  for (const text of ['', '1234567', '12a456', 'abcd-1234', '1234-567O', 'x'.repeat(500), "'; drop table users; --"]) {
    expect([text, await verifyOne(mfa, who.id, text)]).toEqual([text, 'E_USAGE']);
  }
  expect(await attempts(site, who)).toEqual([]);
});

test("viu: the third refused code within five minutes adds the application's own suspicious-activity event", async () => {
  const site = sites.viu;
  const who = await site.seed();
  const wrong = wrongCodes(await site.enable(who), 5);
  const mfa = await engineOn(site);
  const give = (code: string) => verifyOne(mfa, who.id, code);
  await give(wrong[0]!);
  await site.database.query(`update security_events set "criadoEm" = "criadoEm" - interval '5 minutes 1 second'`);
  for (const code of wrong.slice(1)) await give(code);
  const events = await site.database.query(
    `select "eventType" as type, severity, details->'failedAttempts' as refused from security_events
      where "usuarioId" = $1 order by "criadoEm", type`,
    [who.id],
  );
  const refused = { type: 'MULTIPLE_FAILED_2FA', severity: 'MEDIUM', refused: null };
  const suspicion = (count: number) => ({ type: 'SUSPICIOUS_ACTIVITY', severity: 'HIGH', refused: count });
  expect(events).toEqual([refused, refused, refused, refused, suspicion(3), refused, suspicion(4)]);
});

test.each(['3dpot', 'viu', 'native'] as const)(
  '%s: wrong and reused codes get the same answer; the journal tells them apart, and a reused one adds a security event',
  async (form) => {
    const site = sites[form];
    const who = await site.seed();
    const secret = await site.enable(who);
    await roomInStep(10);
    const code = codeAt(secret);
    expect(await verifyOne(await engineOn(site), who.id, code)).toBe('totp');
    const [wrong, replayed] = [await verify(site, who, wrongCodes(secret, 1)[0]!), await verify(site, who, code)];
    expect([wrong.exitCode, replayed.exitCode]).toEqual([30, 30]);
    expect(replayed.error).toEqual(wrong.error);
    expect(wrong.error).toMatchObject({ code: 'E_CODE_REFUSED', changed: 'nothing' });
    expect(JSON.stringify(wrong.error)).not.toMatch(/replay|\bused\b|step/i);

    const journal = await site.database.query<{ event: string; status: string }>(
      `select details->>'event' as event, status from potctl.journal where target = $1 order by seq`,
      [who.key],
    );
    expect(journal.slice(-2)).toEqual([
      { event: 'MFA_CODE_WRONG', status: 'refused' },
      { event: 'MFA_CODE_REPLAYED', status: 'refused' },
    ]);
    if (form === '3dpot') return;
    const table =
      form === 'viu'
        ? ['security_events', '"eventType"', '"usuarioId"']
        : ['potctl_app.security_events', 'type', 'user_id'];
    const events = await site.database.query<{ type: string }>(
      `select ${table[1]} as type, severity from ${table[0]} where ${table[2]} = $1 and ${table[1]} = 'MFA_CODE_REPLAYED'`,
      [who.id],
    );
    expect(events).toEqual([{ type: 'MFA_CODE_REPLAYED', severity: 'HIGH' }]);
  },
);

test('a bcrypt hash stored as a secret is exit 20, counts no attempt, and the error says to enroll again', async () => {
  const site = sites.viu;
  const who = await site.seed();
  await site.enable(who, [], '$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy');
  const refused = await verify(site, who, '123456');
  expect(refused).toMatchObject({
    exitCode: 20,
    error: { code: 'E_MFA_SECRET', message: expect.stringContaining('unusable') },
  });
  expect(JSON.stringify(refused.error)).toMatch(/enroll again.*mfa reset.*mfa enroll/);
  expect(JSON.stringify(refused.error)).not.toContain('N9qo8uLO');
  expect(await attempts(site, who)).toEqual([]);
  const { item } = (await site.json(['explain', who.id])).doc;
  expect(item.verdict).toMatchObject({ code: 'secret_unusable', confidence: 'certain' });
});

test('an unknown key, and a key file that others can read, are exit 15 and count no attempt', async () => {
  const site = sites.native;
  const who = await site.seed();
  const secret = await site.enable(who);
  await site.database.query(
    `update potctl_app.mfa_factors set secret = replace(secret, ':k1:', ':k0:') where user_id = $1`,
    [who.id],
  );
  const unknown = await verify(site, who, codeAt(secret));
  expect(unknown).toMatchObject({
    exitCode: 15,
    error: { code: 'E_MFA_KEY', message: expect.stringContaining("'k0'") },
  });
  await chmod(path.join(site.folder, 'key'), 0o440);
  const open = await verify(site, who, codeAt(secret));
  await chmod(path.join(site.folder, 'key'), 0o400);
  expect(open).toMatchObject({ exitCode: 15, error: { code: 'E_MFA_KEY', why: 'its mode is 0440' } });
  expect(open.error.fix.join()).toContain('chmod 0400');
  expect(await attempts(site, who)).toEqual([]);

  const keys = await site.json(['check', '--keys']);
  expect(keys.doc.item.keys).toContainEqual({ key: 'k0', count: 1, problem: 'unknown key', newest: false });
});

test("an encrypted secret copied to another user's row cannot be decrypted", async () => {
  const site = sites.native;
  const [from, to] = [await site.seed(), await site.seed()];
  const secret = await site.enable(from);
  await site.enable(to);
  await site.database.query(
    `update potctl_app.mfa_factors t set secret = f.secret from potctl_app.mfa_factors f where f.user_id = $1 and t.user_id = $2`,
    [from.id, to.id],
  );
  expect(await verifyOne(await engineOn(site), to.id, codeAt(secret))).toBe('E_MFA_SECRET');
});

test('a backup code is accepted with or without dashes, with spaces, and in any case', async () => {
  const cases: [Form, string, (code: string) => string, string][] = [
    ['3dpot', '9876-1234', (code) => ` ${code.split('').join(' ')} `, 'backup'],
    ['3dpot', '1234-5678', (code) => code.replace('-', ''), 'backup'],
    ['3dpot', '1234-5678', (code) => code.replace('-', '\u2013'), 'backup'],
    ['3dpot', '12345678', (code) => `${code.slice(0, 4)}-${code.slice(4)}`, 'backup'],
    ['viu', makeBackupCodes('hex-bcrypt')[0]!, (code) => code.toLowerCase(), 'backup'],
    ['viu', makeBackupCodes('hex-bcrypt')[0]!, (code) => code.replace('-', '').toLowerCase(), 'backup'],
    [
      'native',
      makeBackupCodes('crockford-scrypt')[0]!,
      (code) => code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l'),
      'backup',
    ],
    ['evo', '1234-5678', (code) => code, 'E_USAGE'],
  ];
  for (const [form, code, typed, answer] of cases) {
    const site = sites[form as keyof typeof sites];
    const who = await site.seed();
    await site.enable(who, form === 'evo' ? [] : [code]);
    expect([form, code, await verifyOne(await engineOn(site), who.id, typed(code))]).toEqual([form, code, answer]);
  }
});

test('a clock difference of six seconds is refused before a code is counted; --trust-clock overrides it', async () => {
  const site = sites['3dpot'];
  const who = await site.seed();
  const secret = await site.enable(who);
  const clock = (ms: number) => ({ now: () => new Date(Date.now() + ms), monotonicMs: () => performance.now() });
  const session = await openTestServer(site.database.name).session({ purpose: 'test' });
  expect(await checkClock(session, clock(0), false)).toBeNull();
  expect(await checkClock(session, clock(-3_500), false)).toMatch(/3\.[3-7] s behind/);
  await expect(checkClock(session, clock(6_000), false)).rejects.toMatchObject({ code: 'E_CLOCK', exitCode: 17 });
  expect(await checkClock(session, clock(6_000), true)).toMatch(/[56]\.\d s ahead of/);
  await session.close();

  const mfa = await engineOn(site, { clock: clock(6_000) });
  const verify = (trustClock: boolean) => mfa.verify({ user: who.id, code: async () => codeAt(secret), trustClock });
  await expect(verify(false)).rejects.toMatchObject({
    code: 'E_CLOCK',
    changed: 'nothing',
  });
  expect(await attempts(site, who)).toEqual([]);
  expect(await verify(true)).toMatchObject({
    accepted: true,
    warnings: [expect.stringContaining('ahead'), expect.anything()],
  });
});

const FAKETIME = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`)
  .find((file) => existsSync(file));

test.skipIf(FAKETIME === undefined)(
  'the built program exits 17 on a machine whose clock is six seconds ahead',
  async () => {
    const site = sites['3dpot'];
    const who = await site.seed();
    const secret = await site.enable(who);
    const env = { LD_PRELOAD: FAKETIME, FAKETIME: '+6s', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
    const args = ['verify', who.id, '--code-stdin'];
    const refused = await site.json(args, { env, stdin: codeAt(secret) });
    expect(refused).toMatchObject({
      exitCode: 17,
      error: { code: 'E_CLOCK', why: expect.stringContaining('ahead of') },
    });
    expect(await attempts(site, who)).toEqual([]);
    const trusted = await site.json([...args, '--trust-clock'], { env, stdin: codeAt(secret) });
    expect(trusted).toMatchObject({ exitCode: 0, doc: { result: { accepted: true } } });
  },
);

test('a code is refused without an enrollment, before the enrollment is confirmed, and 24 hours after it was started', async () => {
  const site = sites['3dpot'];
  const [none, pending] = [await site.seed(), await site.seed()];
  const secret = newSecret();
  await site.enable(pending, [], secret);
  await site.database.query(
    `update users set mfa_enabled = false, updated_at = now() at time zone 'UTC' - interval '24 hours 1 minute' where id = $1`,
    [pending.id],
  );
  expect(await verifyOne(await engineOn(site), none.id, '123456')).toBe('E_MFA_STATE');
  expect(await verifyOne(await engineOn(site), pending.id, codeAt(secret))).toBe('E_MFA_STATE');
  const late = await site.json(
    ['confirm', pending.id, ...WHY, '--code-stdin', '--codes-to', path.join(site.folder, 'late')],
    { stdin: codeAt(secret) },
  );
  expect(late).toMatchObject({
    exitCode: 30,
    error: { code: 'E_MFA_STATE', why: expect.stringContaining('within 24 hours') },
  });
  expect(await site.stored(pending)).toMatchObject({ enabled: false, secret });
  expect([...(await attempts(site, none)), ...(await attempts(site, pending))]).toEqual([]);
});
