import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type HostOptions, openPotctl, type Potctl } from '../../src/index.js';
import { freshDatabase } from '../support/database.js';
import { testHost } from '../support/host.js';
import { mfaSite, WHY } from '../support/mfa.js';
import { temporaryFolder } from '../support/tree.js';

const RUN = '5t2m8q3f7k';
const ID = /^[0-9a-z]{10}$/;

function opened(options: Partial<HostOptions>): Potctl {
  const potctl = openPotctl(testHost({ ...options, who: { runId: RUN, reason: WHY[1] } }));
  onTestFinished(potctl.close);
  return potctl;
}

test('each change of a second factor has its own run id in the journal', async () => {
  const site = await mfaSite('viu');
  const potctl = opened({
    environment: { PGDATABASE: site.database.name },
    flags: { config: site.config, profile: 'test' },
  });
  const mfa = await potctl.mfa();
  for (const name of ['ana', 'bo']) {
    const person = await site.seed({ name });
    await site.enable(person);
    await mfa.status(person.id);
    await (await mfa.reset({ user: person.id })).apply();
  }
  const rows = await site.database.query<{ run_id: string }>(
    "select run_id from potctl.journal where action = 'mfa.reset' order by seq",
  );
  expect(rows.map(({ run_id: id }) => id)).toEqual([RUN, expect.stringMatching(ID)]);
  expect(rows[1]!.run_id).not.toBe(RUN);
});

test('the setup has its own run id, and a change after it has another one', async () => {
  const { name, query } = await freshDatabase();
  const potctl = opened({ environment: { PGDATABASE: name } });
  const setup = await potctl.setup();
  await (await setup.install()).apply();
  await (await setup.install({ application: 'native' })).apply();
  const rows = await query<{ run_id: string }>('select run_id from potctl.journal order by seq');
  expect(rows).toEqual([{ run_id: RUN }, { run_id: expect.stringMatching(ID) }]);
  expect(rows[1]!.run_id).not.toBe(RUN);
});

test('each change at the support desk has its own run id, other than that of the desk', async () => {
  const { database, config, ...site } = await mfaSite('3dpot');
  const potctl = opened({ environment: { PGDATABASE: database.name }, flags: { config, profile: 'test' } });
  const desk = await (await potctl.mfa()).desk();
  for (const name of ['ana', 'bo']) {
    const person = await site.seed({ name });
    await site.enable(person, ['1111-2222', '3333-4444']);
    const [found] = await desk.find(person.id);
    const call = await desk.look(found!.person);
    const proving = desk.prove(call);
    proving.attest('call_back');
    await proving.check('backup_code', '1111-2222');
    const wanted = { task: 'reset', call, proving, reason: 'lost phone, called back', ticket: 'SUP-4812' } as const;
    await (await desk.change({ ...wanted, delivery: () => ({}) as never })).apply();
  }
  const ids = await database.query<{ run_id: string }>("select run_id from potctl.journal where action = 'mfa.reset'");
  expect(new Set([RUN, ...ids.map(({ run_id: id }) => id)]).size).toBe(3);
});

test('a plan does not use up a run id: the first change has that of the host', async () => {
  const { name, client } = await freshDatabase({ schema: 'create table t as select generate_series(1, 3) i' });
  await client.end();
  const repository = path.join(await temporaryFolder(), 'backups');
  const target = { environment: { PGDATABASE: name }, flags: { repository } };
  const made = await (await (await opened(target).backup()).create()).apply();
  const restore = await opened(target).restore();
  const options = { id: made.id! };

  await restore.plan(options);
  await restore.plan(options);
  const first = await (await restore.run(options)).apply();
  const planned = await restore.plan(options);
  const second = await (await restore.undo({ run: first.runId })).apply();

  expect(first.runId).toBe(RUN);
  expect(planned).toMatchObject({
    database: { stagedAs: `${name}_restore_…`, present: { keptAs: `${name}_before_…` } },
  });
  expect(JSON.stringify(planned)).not.toContain(`_${planned.runId}`);
  expect(JSON.stringify({ ...planned, runId: null })).not.toContain(planned.runId);
  expect(second.runId).not.toBe(RUN);
});
