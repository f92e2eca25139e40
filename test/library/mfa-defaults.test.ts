import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { codeAt, mfaSite } from '../support/mfa.js';
import { engineOn, into } from '../support/mfa-engine.js';

test('options of mfa use cases may be left out, and have the defaults of the command line', async () => {
  const site = await mfaSite('native');
  const [mfa, who] = [await engineOn(site), await site.seed({ name: 'ana' })];
  const file = (name: string) => path.join(site.folder, name);

  await (await mfa.enroll({ user: who.id, place: into(file('secret')) })).apply();
  const secret = readFileSync(file('secret'), 'utf8').split('\n')[0]!;
  const code = async () => codeAt(secret);
  await (await mfa.confirm({ user: who.id, code, place: into(file('codes')) })).apply();
  const [backup] = readFileSync(file('codes'), 'utf8').split('\n');

  await expect(mfa.verify({ user: who.id, code: async () => backup! })).resolves.toMatchObject({ by: 'backup' });
  await expect((await mfa.unlock({ user: who.id })).dryRun()).resolves.toMatchObject({ changed: false });
  await expect((await mfa.rotate({})).dryRun()).resolves.toMatchObject({ to: 'k1', pending: 0, settled: 1 });
  await expect(mfa.check()).resolves.toMatchObject({ keys: null });
  const everybody = [];
  for await (const rows of mfa.list()) everybody.push(...rows);
  expect(everybody).toMatchObject([{ id: who.id, state: 'enabled' }]);
  for await (const rows of mfa.list({ missing: true })) expect(rows).toEqual([]);
  const { factors } = await mfa.status(who.id);
  expect(factors).toMatchObject([{ label: 'Authenticator App' }]);
});
