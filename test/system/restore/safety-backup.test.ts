import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { freshDatabase } from '../../support/database.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';

test('--safety-backup stores the live data as a backup of kind safety, which latest never selects', async () => {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 5) i' });
  const files = await makeTree({ 'a.txt': 'old' });
  const repository = path.join(await temporaryFolder(), 'repository');
  const env = { PGDATABASE: database.name };
  const place = ['--files', files, '--repository', repository];
  const made = (await potctl(['backup', 'create', ...place], { env })).stdout.trim();
  await database.query('insert into t values (6)');

  const restored = await potctl(
    ['restore', 'run', 'latest', ...place, '--confirm', database.name, '--safety-backup', '--json'],
    { env },
  );

  expect(restored).toMatchObject({ exitCode: 0 });
  const { safety_backup: safety, backup } = JSON.parse(restored.stdout).result;
  expect(backup).toBe(made);
  const manifest = JSON.parse(await readFile(path.join(repository, 'backups', safety, 'manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({ kind: 'safety', database: { inventory: { rows_total: 6 } }, storage: { files: 1 } });
  const shown = await potctl(['backup', 'show', 'latest', '--repository', repository, '--json'], { env });
  expect(JSON.parse(shown.stdout).item.id).toBe(made);
  expect((await readdir(path.join(repository, 'backups'))).sort()).toEqual([made, safety].sort());
});
