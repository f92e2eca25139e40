import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { guardSql } from '../../src/applications/guard.js';
import { readGuard } from '../../src/journal/installed.js';
import type { ApplicationFixture, ContractSite } from './application.js';
import { change, enroll, reading } from './application-changes.js';

const TOLD = { potctl: true, operator: 'maria', reason: 'a test of ours', ticket: null } as const;
const IDS = { runId: 'run', traceId: '0af7651916cd43dd8448eb211c80319c', factorId: null } as const;

/** What every application promises of its sessions, its records and its guards, as far as it has them. */
export function records(open: () => Promise<ContractSite>, { adapter, events, rows }: ApplicationFixture): void {
  if (adapter.sessions)
    test('sessions are counted and ended all at once; those of other users stay open', async () => {
      const site = await open();
      const [ana, eva] = [await site.person((await site.seed()).id), await site.person((await site.seed()).id)];
      for (const { id } of [ana, ana, eva])
        await site.database.query(rows.session!, [id, randomBytes(32).toString('hex')]);
      const counts = () =>
        reading(site, async ({ sessions }, session) => [
          await sessions!.count(session, ana),
          await sessions!.count(session, eva),
        ]);
      expect(await counts()).toEqual([2, 1]);
      const ended = await change(site, 'mfa.reset', ana, (transaction, { sessions }) =>
        sessions!.end(transaction, ana),
      );
      expect(ended).toBe(2);
      expect(await counts()).toEqual([0, 1]);
    });

  if (adapter.audit)
    test('a change is recorded in the audit table of the application, with potctl as the origin', async () => {
      const site = await open();
      const ana = await site.person((await site.seed()).id);
      const audited = () => site.database.query<{ ours: boolean }>(rows.audit, [ana.id]);
      for (const [at, event] of (['enroll', 'confirm', 'disable'] as const).entries()) {
        await change(site, 'mfa.reset', ana, (transaction, { audit }) =>
          audit!.append(transaction, ana, { ...IDS, event, details: TOLD }),
        );
        expect((await audited()).map(({ ours }) => ours)).toEqual(Array.from({ length: at + 1 }, () => true));
      }
      for (const event of ['codes', 'passed', 'failed', 'unlock'] as const) {
        await change(site, 'mfa.reset', ana, (transaction, { audit }) =>
          audit!.append(transaction, ana, { ...IDS, event, details: TOLD }),
        );
      }
      expect((await audited()).every(({ ours }) => ours)).toBe(true);
    });

  test('a security event is written if the application has a table for it', async () => {
    const site = await open();
    const ana = await site.person((await site.seed()).id);
    expect(adapter.security !== undefined).toBe(events !== null);
    if (events === null) return;
    const count = async () => (await site.database.query(`select 1 from ${site.fixture.schema}.${events}`)).length;
    const before = await count();
    const fact = {
      type: 'MFA_CODE_REPLAYED',
      severity: 'HIGH',
      description: 'a test',
      details: { potctl: true },
    } as const;
    await change(site, 'mfa.verify', ana, (transaction, { security }) => security!.append(transaction, ana, fact));
    expect(await count()).toBe(before + 1);
  });

  test('a last change with a stored time is found, and counts as recorded only if the audit table has it', async () => {
    const site = await open();
    const { changes } = site.fixture.adapter.mfa;
    if (changes === undefined) return;
    const ana = await site.person((await site.seed()).id);
    const { id } = await enroll(site, ana);
    await change(site, 'mfa.confirm', ana, (transaction, { mfa }) => mfa.enable(transaction, ana, id));
    const seen = () =>
      reading(site, ({ mfa }, session) =>
        session.query<{ id: string; recorded: boolean; actions: string[] }>(
          `select id, recorded, actions from (${mfa.changes}) as c where id = $1 and at is not null`,
          [ana.id],
        ),
      );
    const rows = await seen();
    expect(rows.map(({ recorded }) => recorded)).toEqual(rows.map(() => false));
    expect(rows.flatMap(({ actions }) => actions)).toEqual(expect.arrayContaining(['mfa.enroll', 'mfa.confirm']));
  });

  if (adapter.mfa.guard)
    test('its write guards can be installed by setup', async () => {
      const site = await open();
      const { application, schema } = await site.open();
      const guard = () => reading(site, (_application, session) => readGuard(session, schema));
      expect(await guard()).toBeNull();
      await site.database.query(guardSql(application, schema)!);
      expect(await guard()).toBe('triggers');
      // Whoever owns the tables writes as before.
      const ana = await site.person((await site.seed()).id);
      expect((await enroll(site, ana)).id).not.toBe('');
    });
}
