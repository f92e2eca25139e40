import { renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Adapter } from '../../src/applications/application.js';
import type { HostOptions } from '../../src/host/host.js';
import { openPotctl, type Potctl } from '../../src/potctl.js';
import { ORCHARD } from '../fixtures/applications/orchard.js';
import { freshDatabase, type TestDatabase } from '../support/database.js';
import { testHost } from '../support/host.js';
import { temporaryFolder } from '../support/tree.js';

/** What potctl has open in a database. */
const sessionsIn = ({ client, name }: TestDatabase) =>
  client.query(
    "select application_name from pg_stat_activity where datname = $1 and starts_with(application_name, 'potctl')",
    [name],
  );

function opened(options: Partial<HostOptions>): Potctl {
  const potctl = openPotctl(testHost(options));
  onTestFinished(potctl.close);
  return potctl;
}

test('a failed configuration, and a repository that is mounted later, are read again', async () => {
  const folder = await temporaryFolder();
  const [config, repository, disk] = ['config.yaml', 'backups', 'disk'].map((name) => path.join(folder, name)) as [
    ...[string, string, string],
  ];
  const { name: database } = await freshDatabase({ schema: 'create table t (i int)' });
  const potctl = opened({ flags: { config, profile: 'prod', repository, database }, cwd: folder });
  const list = async () => (await potctl.backup()).list({ allSets: true });

  writeFileSync(config, 'profiles: { prod: { databse: {} } }\n', { mode: 0o600 });
  await expect(list()).rejects.toMatchObject({ code: 'E_CONFIG' });
  writeFileSync(config, 'profiles: { prod: { environment: staging } }\n');
  const writing = opened({ flags: { config, profile: 'prod', repository: disk, database }, cwd: folder });
  const { id } = await (await (await writing.backup()).create()).apply();
  // Whoever looks where a repository is finds a file, which no folder can be below.
  writeFileSync(repository, 'not mounted');
  await expect(list()).rejects.toMatchObject({ exitCode: expect.any(Number) });
  rmSync(repository);
  renameSync(disk, repository);
  await expect(list()).resolves.toMatchObject({ items: [{ id }] });
});

test('the application is detected again after a refusal, which leaves no session open', async () => {
  const database = await freshDatabase();
  const without: Adapter = {
    ...ORCHARD.adapter,
    in(schema) {
      const { mfa: _, ...rest } = ORCHARD.adapter.in(schema);
      return rest;
    },
  };
  const applications = [without];
  const potctl = opened({ environment: { PGDATABASE: database.name }, applications });
  const stats = async () => (await potctl.mfa()).stats();

  await expect(stats()).rejects.toMatchObject({ code: 'E_APPLICATION' });
  expect((await sessionsIn(database)).rows).toEqual([]);
  await database.client.query(await ORCHARD.sql());
  await expect(stats()).rejects.toMatchObject({ code: 'E_UNSUPPORTED' });
  expect((await sessionsIn(database)).rows).toEqual([]);
  applications[0] = ORCHARD.adapter;
  await expect(stats()).resolves.toMatchObject({ application: 'orchard' });
});
