import { randomBytes, randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Factor, Person, WithMfa } from '../../src/applications/application.js';
import { appendEntry } from '../../src/journal/entry.js';
import { makeBackupCodes, storedCodes } from '../../src/mfa/backup-codes.js';
import { encodeBase32 } from '../../src/mfa/base32.js';
import { sealSecret } from '../../src/mfa/envelope.js';
import { inTransaction, type Transaction } from '../../src/mfa/transaction.js';
import type { ApplicationFixture, ContractSite } from './application.js';

const ALL = { secrets: true, lock: false } as const;

/** What every application promises of a second factor that is made, switched on and taken away. */
export function changes(open: () => Promise<ContractSite>, { adapter }: ApplicationFixture): void {
  test('a new secret is pending, then enabled, then removed, and each state is read back as written', async () => {
    const site = await open();
    const ana = await site.person((await site.seed()).id);
    expect(await liveOf(site, ana)).toEqual([]);

    const first = await enroll(site, ana);
    expect(await liveOf(site, ana)).toMatchObject([
      { id: first.id, kind: 'totp', state: 'pending', secret: first.secret },
    ]);
    const again = await enroll(site, ana);
    expect(await liveOf(site, ana)).toMatchObject([{ id: again.id, state: 'pending', secret: again.secret }]);
    expect(await storedOf(site, ana)).toMatchObject({ enabled: false, secret: again.secret });

    await change(site, 'mfa.confirm', ana, (transaction, { mfa }) => mfa.enable(transaction, ana, again.id));
    expect(await liveOf(site, ana)).toMatchObject([{ id: again.id, state: 'enabled', secret: again.secret }]);
    expect(await storedOf(site, ana)).toMatchObject({ enabled: true, secret: again.secret });

    const factors = await liveOf(site, ana);
    const gone = await change(site, 'mfa.reset', ana, (transaction, { mfa }) => mfa.disable(transaction, ana, factors));
    expect(gone).toMatchObject([{ kind: 'totp' }]);
    expect(JSON.stringify(gone)).not.toContain(again.secret);
    expect(await liveOf(site, ana)).toEqual([]);
    expect(await storedOf(site, ana)).toMatchObject({ enabled: false });
  });

  test('the id of a factor is the kind of id that factorId declares', async () => {
    const site = await open();
    const ana = await site.person((await site.seed()).id);
    const { id } = await enroll(site, ana);
    expect(id === ana.id).toBe(adapter.mfa.factorId === 'person');
  });

  test('a role that cannot read secrets sees the factor without its secret', async () => {
    const site = await open();
    const ana = await site.person((await site.seed()).id);
    const { id, secret } = await enroll(site, ana);
    await change(site, 'mfa.confirm', ana, (transaction, { mfa }) => mfa.enable(transaction, ana, id));
    const seen = await reading(site, ({ mfa }, session) =>
      mfa.readFactors(session, ana, { secrets: false, lock: false }),
    );
    expect(seen).toMatchObject([{ id, state: 'enabled', secret: undefined }]);
    expect(JSON.stringify(seen)).not.toContain(secret);
  });

  test('a change affects no other user', async () => {
    const site = await open();
    const [ana, eva] = [await site.person((await site.seed()).id), await site.person((await site.seed()).id)];
    const hers = await enroll(site, eva);
    const { id } = await enroll(site, ana);
    await change(site, 'mfa.confirm', ana, (transaction, { mfa }) => mfa.enable(transaction, ana, id));
    const factors = await liveOf(site, ana);
    await change(site, 'mfa.reset', ana, (transaction, { mfa }) => mfa.disable(transaction, ana, factors));
    expect(await liveOf(site, eva)).toMatchObject([{ id: hers.id, state: 'pending', secret: hers.secret }]);
  });

  if (adapter.mfa.several)
    test('another factor does not change the enabled ones', async () => {
      const site = await open();
      const ana = await site.person((await site.seed()).id);
      const { id } = await enroll(site, ana);
      await change(site, 'mfa.confirm', ana, (transaction, { mfa }) => mfa.enable(transaction, ana, id));
      const second = await enroll(site, ana);
      const states = new Map((await liveOf(site, ana)).map((factor) => [factor.id, factor.state]));
      expect(states).toEqual(
        new Map([
          [id, 'enabled'],
          [second.id, 'pending'],
        ]),
      );
    });

  if (adapter.mfa.codes !== undefined) codes(open);
  requests(open, adapter.mfa);
}

function codes(open: () => Promise<ContractSite>): void {
  test('backup codes are stored in order and removed one by one or all at once', async () => {
    const site = await open();
    const ana = await site.person((await site.seed()).id);
    const { id } = await enroll(site, ana);
    await change(site, 'mfa.confirm', ana, (transaction, { mfa }) => mfa.enable(transaction, ana, id));
    const read = () => reading(site, ({ mfa }, session) => mfa.codes!.read(session, ana));
    expect(await read()).toEqual([]);

    await replace(site, ana, 1);
    const set = await replace(site, ana, 3);
    expect(await read()).toEqual(set);
    expect((await storedOf(site, ana)).codes).toEqual(set);
    const count = await reading(site, async ({ mfa }, session) => (await mfa.codes!.count?.(session, ana)) ?? 3);
    expect(count).toBe(3);

    const remove = (index: number) =>
      change(site, 'mfa.verify', ana, (transaction, { mfa }) => mfa.codes!.remove(transaction, ana, index));
    expect(await remove(1)).toBe(true);
    expect(await read()).toEqual([set[0], set[2]]);
    await change(site, 'mfa.reset', ana, (transaction, { mfa }) => mfa.codes!.clear(transaction, ana));
    expect(await read()).toEqual([]);
  });

  test('a backup code that does not exist is not removed', async () => {
    const site = await open();
    const ana = await site.person((await site.seed()).id);
    const set = await replace(site, ana, 1);
    expect(
      await change(site, 'mfa.verify', ana, (transaction, { mfa }) => mfa.codes!.remove(transaction, ana, 1)),
    ).toBe(false);
    expect(await reading(site, ({ mfa }, session) => mfa.codes!.read(session, ana))).toEqual(set);
  });
}

function requests(open: () => Promise<ContractSite>, { requireEnrollment, unlock, functions }: WithMfa['mfa']): void {
  if (requireEnrollment)
    test('a person who is required to enroll is marked so', async () => {
      const site = await open();
      const ana = await site.person((await site.seed()).id);
      const must = () => reading(site, ({ mfa }, session) => mfa.mustEnroll!(session, ana));
      expect(await must()).toBe(false);
      await change(site, 'mfa.reset', ana, (transaction, { mfa }) => mfa.requireEnrollment!(transaction, ana));
      expect(await must()).toBe(true);
    });

  if (unlock)
    test('unlocking removes the lock', async () => {
      const site = await open();
      const ana = await site.person((await site.seed()).id);
      await change(site, 'mfa.unlock', ana, (transaction, { mfa }) => mfa.unlock!(transaction, ana));
      expect((await site.person(ana.id)).lockedUntil).toBeNull();
    });

  if (functions)
    test('each declared function is installed', async () => {
      const { database } = await open();
      const names = [...functions!.support, ...functions!.readers];
      const found = await database.query('select to_regprocedure(name)::text as name from unnest($1::text[]) as name', [
        names,
      ]);
      expect(found).not.toContainEqual({ name: null });
      expect(found).toHaveLength(names.length);
    });
}

/** Makes a change as a command does: in a transaction that the journal has an entry of. */
export async function change<T>(
  site: ContractSite,
  action: string,
  { id }: Person,
  work: (transaction: Transaction, application: WithMfa) => Promise<T>,
): Promise<T> {
  return reading(site, (application, session) =>
    inTransaction(session, 'run', async (transaction) => {
      const result = await work(transaction, application);
      await appendEntry(transaction, {
        ...{ operator: 'maria', action, target: `${application.name}:${id}`, reason: 'a test of ours', ticket: null },
        ...{ status: 'done', runId: 'run', traceId: 'trace', details: {} },
      });
      return result;
    }),
  );
}

type Session = Parameters<WithMfa['mfa']['readFactors']>[0];

/** Asks the application within a session of its own. */
export async function reading<T>(
  site: ContractSite,
  ask: (application: WithMfa, session: Session) => Promise<T>,
): Promise<T> {
  const { application, session } = await site.open();
  const asked = await session('test');
  return ask(application as WithMfa, asked).finally(() => asked.close());
}

/** Writes a new secret; gives it as it was stored. */
export async function enroll(
  site: ContractSite,
  ana: Person,
): Promise<{ readonly id: string; readonly secret: string }> {
  const { factorId, totp, secretColumn } = site.fixture.adapter.mfa;
  const wanted = factorId === 'own' ? randomUUID() : ana.id;
  const bytes = randomBytes(20);
  const place = { ...secretColumn, factorId: wanted, userId: ana.id };
  const secret =
    totp.storedAs === 'plain' ? encodeBase32(bytes) : sealSecret(bytes, place, new Map([['k1', randomBytes(32)]]));
  const id = await change(site, 'mfa.enroll', ana, async (transaction, { mfa }) => {
    await transaction.conceal([secret]);
    return mfa.enroll(transaction, ana, { factorId: wanted, label: 'phone' });
  });
  expect(id).toBe(wanted);
  return { id, secret };
}

/** Writes so many new codes; gives them as they were stored. */
async function replace(site: ContractSite, ana: Person, count: number): Promise<readonly string[]> {
  const { kind } = site.fixture.adapter.mfa.codes!;
  const set = await storedCodes(kind, makeBackupCodes(kind).slice(0, count));
  await change(site, 'mfa.codes', ana, async (transaction, { mfa }) => {
    await transaction.conceal(set);
    await mfa.codes!.replace(transaction, ana);
  });
  return set;
}

async function liveOf(site: ContractSite, ana: Person): Promise<Factor[]> {
  const factors = await reading(site, ({ mfa }, session) => mfa.readFactors(session, ana, ALL));
  return factors.filter(({ state }) => state !== 'inactive');
}

/** What stands in its tables, read without the adapter. */
async function storedOf({ database, fixture }: ContractSite, { id }: Person) {
  const [row] = await database.query<{ enabled: boolean; secret: string | null; codes: string[] }>(
    fixture.rows.stored,
    [id],
  );
  return row ?? { enabled: false, secret: null, codes: [] };
}
