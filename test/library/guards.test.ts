import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openPotctl, type Potctl } from '../../src/potctl.js';
import { freshDatabase } from '../support/database.js';
import { testHost } from '../support/host.js';
import { temporaryFolder } from '../support/tree.js';

/** The door, with a profile that has these lines, and a repository that does not exist yet. */
async function withProfile(lines: string): Promise<{ potctl: Potctl; repository: string; warnings: string[] }> {
  const folder = await temporaryFolder();
  const { name, client } = await freshDatabase({ schema: 'create table t (i int)' });
  await client.end();
  const config = path.join(folder, 'config.yaml');
  const repository = path.join(folder, 'backups');
  writeFileSync(config, `profiles:\n  prod: { database: { name: ${name} }, ${lines} }\n`, { mode: 0o600 });
  const warnings: string[] = [];
  const flags = { config, repository, profile: 'prod' };
  const potctl = openPotctl(testHost({ flags, cwd: folder, listener: { warn: (text) => warnings.push(text) } }));
  onTestFinished(potctl.close);
  return { potctl, repository, warnings };
}

test('a change that the profile protects can be planned, but is refused when applied', async () => {
  const { potctl, repository } = await withProfile('guards: { protected: [backup.create] }');
  const prepared = await (await potctl.backup()).create();

  expect(prepared.plan).toBeDefined();
  await expect(prepared.apply()).rejects.toMatchObject({
    ...{ code: 'E_CONFIG', message: "`backup create` is protected by the profile 'prod'" },
    why: { from: expect.stringMatching(/config\.yaml:2$/) },
  });
  expect(existsSync(repository)).toBe(false);
});

test('an unsupported setting of the profile is refused before anything is opened', async () => {
  const { potctl, repository } = await withProfile('encryption: { recipients: [age1qqqqqqqqqqqqqqqq] }');
  await expect((await potctl.backup()).create()).rejects.toMatchObject({
    ...{ code: 'E_CONFIG', message: "`backup create` cannot do what the profile 'prod' asks for" },
    why: { problem: expect.stringContaining('unencrypted'), from: expect.stringMatching(/config\.yaml:2$/) },
  });
  expect(existsSync(repository)).toBe(false);
  await expect((await potctl.backup()).list()).rejects.toMatchObject({ code: 'E_REPOSITORY_FORMAT' });
});

test('each domain checks the protected commands of the profile by name', async () => {
  const { potctl } = await withProfile('guards: { protected: [setup, support], reason: required }');
  await expect((await (await potctl.setup()).install()).apply()).rejects.toMatchObject({ code: 'E_CONFIG' });
  await expect((await potctl.mfa()).desk()).rejects.toMatchObject({ code: 'E_CONFIG' });
  await expect((await potctl.restore()).run({ reference: 'latest' } as never)).rejects.toMatchObject({
    ...{ code: 'E_CONFIG', message: "`restore run` cannot do what the profile 'prod' asks for" },
  });
});

test('an unsupported setting that does no harm is a warning of the use case', async () => {
  const { potctl, warnings } = await withProfile('notify: { email: { smtp: "smtp://mail.invalid", to: [a@b.c] } }');
  await expect((await potctl.backup()).list()).rejects.toMatchObject({ code: 'E_REPOSITORY_FORMAT' });
  expect(warnings).toEqual([]);
  await (await potctl.backup()).create();
  expect(warnings).toEqual([expect.stringContaining('nobody will be told')]);
});
