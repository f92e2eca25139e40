import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeAt, type MfaSite, mfaSite, newSecret, type TestPerson, WHY } from '../../support/mfa.js';

let site: MfaSite;
beforeAll(async () => {
  site = await mfaSite('evo-production', { keep: true, here: true });
});
afterAll(() => site.remove());

const verify = ({ id }: TestPerson, code: string) => site.json(['verify', id, '--code-stdin'], { stdin: code });
const alarms = ({ id }: TestPerson) =>
  site.database.query(`select event_type from security_events where metadata->>'userId' = $1`, [id]);
const listed = async ({ id }: TestPerson) => {
  const { doc } = await site.json(['list', '--limit', '0']);
  return doc.items.find((item: { id: string }) => item.id === id);
};

async function insertFactor(who: TestPerson, values: { secret?: string; status?: string | null; kind?: string }) {
  const { secret = newSecret(), status = 'pending', kind = 'totp' } = values;
  const id = randomUUID();
  await site.database.query(
    `insert into mfa_factors (id, user_id, factor_type, friendly_name, secret, status, is_active, verified_at, created_at)
     values ($1, $2, $3, 'x', $4, $5::text, true, case when $5::text = 'verified' then now() end, clock_timestamp())`,
    [id, who.id, kind, secret, status],
  );
  return { id, secret };
}

test('a code of a time step in which the application accepted one is refused without a security event', async () => {
  const who = await site.seed();
  const secret = await site.enable(who);
  await site.database.query('update mfa_factors set last_used_at = clock_timestamp() where user_id::text = $1', [
    who.id,
  ]);
  const code = codeAt(secret);
  expect(await verify(who, code)).toMatchObject({ exitCode: 30, error: { code: 'E_CODE_REFUSED' } });
  expect(await verify(who, code)).toMatchObject({ exitCode: 30, error: { code: 'E_CODE_REFUSED' } });
  expect(await alarms(who)).toEqual([]);
  const explained = await site.json(['explain', who.id, '--code-stdin'], { stdin: code });
  expect(explained.doc.item.verdict).toMatchObject({ code: 'spent', confidence: 'likely' });
});

test('a code that potctl accepted before is a replay, even if the application recorded its use', async () => {
  const who = await site.seed();
  const code = codeAt(await site.enable(who));
  expect((await verify(who, code)).exitCode).toBe(0);
  expect(await verify(who, code)).toMatchObject({ exitCode: 30, error: { code: 'E_CODE_REFUSED' } });
  expect(await alarms(who)).toEqual([{ event_type: 'MFA_CODE_REPLAYED' }]);
});

test.each([
  ['disabled', {}, 'off'],
  ['VERIFIED', {}, 'off'],
  [null, {}, 'pending'],
  ['pending', { secret: '' }, 'pending'],
  ['verified', {}, 'enabled'],
])('list and status show the same state for a factor that is %j (%j)', async (status, more, state) => {
  const who = await site.seed();
  await insertFactor(who, { status, ...more });
  expect((await site.json(['status', who.id])).doc.item.state).toBe(state);
  expect((await listed(who)).state).toBe(state);
});

test('an id with upper-case letters is found as it is listed', async () => {
  const text = await mfaSite('evo', { here: true });
  const id = 'Auth0|5f7C8eC7c33c6c004BBafe82';
  await text.database.query('alter table profiles alter column user_id type text');
  await text.database.query('alter table mfa_factors alter column user_id type text');
  await text.database.query(
    `insert into mfa_factors (id, user_id, factor_type, friendly_name, secret, status, is_active, created_at)
     values (gen_random_uuid(), $1, 'totp', 'x', $2, 'verified', true, now())`,
    [id, newSecret()],
  );
  expect((await text.json(['status', id])).doc.item).toMatchObject({ state: 'enabled', user: { id } });
});

test('a reset writes one audit row per factor, with a separate action for security keys', async () => {
  const who = await site.seed();
  await site.enable(who);
  const key = randomUUID();
  await site.database.query(
    `insert into webauthn_credentials (id, user_id, credential_id, public_key) values ($1, $2, $3, 'pk')`,
    [key, who.id, randomUUID()],
  );
  expect((await site.mfa(['reset', who.id, ...WHY, '--confirm', who.name])).exitCode).toBe(0);
  const rows = await site.database.query(
    `select action, resource_type, resource_id, details->>'factor_type' as kind from audit_logs where user_id::text = $1 order by action`,
    [who.id],
  );
  expect(rows).toEqual([
    { action: 'MFA_DISABLED', resource_type: 'mfa', resource_id: expect.any(String), kind: 'totp' },
    { action: 'WEBAUTHN_CREDENTIAL_DELETED', resource_type: 'webauthn_credential', resource_id: key, kind: 'webauthn' },
  ]);
});

test('of two pending enrollments, a first code confirms the one it belongs to', async () => {
  const who = await site.seed();
  const older = await insertFactor(who, {});
  const newer = await insertFactor(who, {});
  const stdin = codeAt(older.secret);
  expect(await site.json(['confirm', who.id, ...WHY, '--code-stdin'], { stdin })).toMatchObject({ exitCode: 0 });
  const states = await site.database.query(
    'select id, status from mfa_factors where user_id::text = $1 order by created_at',
    [who.id],
  );
  expect(states).toEqual([
    { id: older.id, status: 'verified' },
    { id: newer.id, status: 'pending' },
  ]);
});

test('a factor of an unsupported kind is reported as the reason why the user cannot sign in', async () => {
  const who = await site.seed();
  await insertFactor(who, { kind: 'sms', status: 'verified' });
  expect((await site.json(['explain', who.id])).doc.item.verdict.code).toBe('factor_unsupported');
});
