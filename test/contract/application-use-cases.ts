import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Mfa } from '../../src/mfa/open.js';
import { codeAt, MFA_KEY, roomInStep, wrongCodes } from '../support/mfa.js';
import { engineOn, into } from '../support/mfa-engine.js';
import { temporaryFolder } from '../support/tree.js';
import type { ApplicationFixture, ContractSite } from './application.js';

const ALL = {
  state: null,
  role: null,
  required: false,
  missing: false,
  organization: null,
  after: null,
  limit: 0,
} as const;

/** What every use case of second factors does with an application that a host brings along. */
export function useCases(open: () => Promise<ContractSite>, { adapter }: ApplicationFixture): void {
  const { codes, totp } = adapter.mfa;

  test('all mfa use cases work, from the first secret to the reset, and each step is in the journal', async () => {
    const site = await open();
    const { mfa, folder } = await doorOn(site);
    const { id: user } = await site.seed();
    const secret = await enrolled(mfa, user, folder);

    if (totp.window === 0) await roomInStep(8);
    const place = into(path.join(folder, 'codes'));
    const confirm = await mfa.confirm({ user, code: async () => codeAt(secret), trustClock: true, place });
    expect(await confirm.apply()).toMatchObject({ changed: true, state: 'enabled', codes_left: codes ? 10 : null });
    expect(await mfa.status(user)).toMatchObject({
      ...{ application: adapter.name, state: 'enabled', sessions: adapter.sessions ? 0 : null },
      codes: codes ? { left: 10, storage: codes.kind } : null,
    });
    expect(await listed(mfa)).toContainEqual({ id: user, state: 'enabled' });
    expect(await mfa.stats()).toMatchObject({ application: adapter.name, total: 1, enabled: 1 });
    expect((await mfa.check({ keys: false })).application).toBe(adapter.name);

    const [wrong] = wrongCodes(secret, 1);
    const refused = mfa.verify({ user, code: async () => wrong!, trustClock: true });
    await expect(refused).rejects.toMatchObject({ code: 'E_CODE_REFUSED' });
    const fresh = mfa.codes({ user, place: into(path.join(folder, 'fresh')) });
    if (codes === undefined) await expect(fresh).rejects.toMatchObject({ code: 'E_UNSUPPORTED', exitCode: 30 });
    else expect(await (await fresh).apply()).toMatchObject({ changed: true, codes_left: 10 });

    const reset = await mfa.reset({ user });
    expect(await reset.dryRun()).toMatchObject({ changed: false, state: 'enabled' });
    const done = { changed: true, state: 'off', sessions_ended: adapter.sessions ? 0 : null };
    expect(await reset.apply()).toMatchObject(done);
    expect(await actions(site, user)).toEqual([
      ...['mfa.enroll', 'mfa.confirm', 'mfa.verify'],
      ...(codes ? ['mfa.codes'] : []),
      'mfa.reset',
    ]);
  });

  test('a new secret never appears in the journal or the audit table', async () => {
    const site = await open();
    const { mfa, folder } = await doorOn(site);
    const { id: user } = await site.seed();
    const secret = await enrolled(mfa, user, folder);
    const told = [
      ...(await site.database.query('select details from potctl.journal')),
      ...(await site.database.query(site.fixture.rows.audit, [user])),
    ];
    expect(told.length).toBeGreaterThan(1);
    expect(JSON.stringify(told)).not.toContain(secret);
  });
}

async function doorOn({ database, known }: ContractSite): Promise<{ readonly mfa: Mfa; readonly folder: string }> {
  const folder = await temporaryFolder();
  const [key, config] = [path.join(folder, 'key'), path.join(folder, 'config.yaml')];
  await writeFile(key, MFA_KEY, { mode: 0o400 });
  await writeFile(config, `profiles:\n  test:\n    mfa: { keys: { k1: { file: ${key} } } }\n`);
  return { mfa: await engineOn({ database, config }, { applications: known }), folder };
}

/** Enrols; gives the secret that was handed out. */
async function enrolled(mfa: Mfa, user: string, folder: string): Promise<string> {
  const file = path.join(folder, 'secret');
  const enroll = await mfa.enroll({ user, label: 'phone', issuer: null, another: false, place: into(file) });
  expect(await enroll.apply()).toMatchObject({ changed: true, state: 'pending', secret_to: file });
  return (await readFile(file, 'utf8')).split('\n')[0]!;
}

async function listed(mfa: Mfa): Promise<{ readonly id: string; readonly state: string }[]> {
  const found: { id: string; state: string }[] = [];
  for await (const rows of mfa.list(ALL)) found.push(...rows.map(({ id, state }) => ({ id, state })));
  return found;
}

async function actions({ database, fixture }: ContractSite, user: string): Promise<string[]> {
  const rows = await database.query<{ action: string }>(
    'select action from potctl.journal where target = $1 order by seq',
    [`${fixture.adapter.name}:${user}`],
  );
  return rows.map(({ action }) => action);
}
