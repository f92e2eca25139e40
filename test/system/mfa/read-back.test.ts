import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Uses } from '../../../src/mfa/deps.js';
import { JOURNAL } from '../../../src/mfa/journal-port.js';
import { checkKept, type Expected, unchanged } from '../../../src/mfa/kept.js';
import { findOne } from '../../../src/mfa/people.js';
import { readRecord } from '../../../src/mfa/record.js';
import { openWithMfa } from '../../../src/mfa/supported.js';
import { inTransaction } from '../../../src/mfa/transaction.js';
import { type Form, type MfaSite, mfaSite, newSecret, type TestPerson } from '../../support/mfa.js';
import { openTestServer } from '../../support/server.js';

/** What checkKept answers, where `change` says what a change would have had to leave. */
async function keptAfter(site: MfaSite, who: TestPerson, change: (now: Expected) => Expected): Promise<string> {
  const wanted = { name: 'auto', schema: null } as const;
  const database = await openWithMfa(openTestServer(site.database.name), wanted, 'test');
  const deps: Uses<'database' | 'journal'> = { database, journal: JOURNAL };
  const session = await database.session('test');
  try {
    return await inTransaction(session, 'run', async (transaction) => {
      const { person } = await findOne(transaction, database.application, who.id);
      const expected = change(unchanged(await readRecord(deps, transaction, person)));
      await checkKept(deps, transaction, person, expected);
      return 'kept';
    });
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await session.close();
  }
}

const first = (now: Expected, change: Partial<Expected['factors'][number]>): Expected => ({
  ...now,
  factors: now.factors.map((factor, at) => (at === 0 ? { ...factor, ...change } : factor)),
});

/** What the change meant to write, each different in one respect from what stands in the database. */
const DIFFERENT: Readonly<Record<string, (now: Expected) => Expected>> = {
  'another secret': (now) => first(now, { secret: newSecret() }),
  'another state': (now) => first(now, { state: 'pending' }),
  'another factor': (now) => first(now, { id: '00000000-0000-4000-8000-000000000000' }),
  'no factor any more': (now) => ({ ...now, factors: [] }),
  'another backup code': (now) => ({ ...now, codes: [...now.codes!.slice(1), '9999-9999'] }),
  'one backup code less': (now) => ({ ...now, codes: now.codes!.slice(1) }),
  'one backup code more': (now) => ({ ...now, codes: [...now.codes!, '9999-9999'] }),
  'no session any more': (now) => ({ ...now, noSessions: true }),
  'no lock any more': (now) => ({ ...now, unlocked: true }),
};

describe.each<Form>(['3dpot', 'native'])('%s', (form) => {
  let site: MfaSite;
  let who: TestPerson;
  beforeAll(async () => {
    site = await mfaSite(form, { keep: true });
  });
  afterAll(() => site.remove());
  beforeEach(async () => {
    who = await site.seed({ sessions: 1 });
    await site.enable(who, ['1234-5678', '2345-6789']);
    const table = form === 'native' ? 'potctl_app.users' : 'users';
    await site.database.query(`update ${table} set locked_until = now() + interval '1 day' where id = $1`, [who.id]);
  });

  test('what stands there as it was written is kept', async () => {
    expect(await keptAfter(site, who, (now) => now)).toBe('kept');
    expect(await keptAfter(site, who, (now) => ({ ...now, codes: [...now.codes!].reverse() }))).toBe('kept');
  });

  test.each(Object.keys(DIFFERENT))('a change that was to leave %s is not called done', async (name) => {
    expect(await keptAfter(site, who, DIFFERENT[name]!)).toBe('E_NOT_KEPT');
  });
});

test("a reset after which the application asks for no new enrollment, and an unlock under potctl's own block, are not called done", async () => {
  const site = await mfaSite('native');
  const who = await site.seed();
  expect(await keptAfter(site, who, (now) => ({ ...now, mustEnroll: true }))).toBe('E_NOT_KEPT');
  await site.database.query('update potctl_app.users set must_enroll = true where id = $1', [who.id]);
  expect(await keptAfter(site, who, (now) => ({ ...now, mustEnroll: true }))).toBe('kept');
  expect(await keptAfter(site, who, (now) => ({ ...now, unlocked: true }))).toBe('kept');
  await site.database.query(`insert into potctl.mfa_attempt (person, at, kind) values ($1, now(), 'block')`, [who.key]);
  expect(await keptAfter(site, who, (now) => ({ ...now, unlocked: true }))).toBe('E_NOT_KEPT');
});
