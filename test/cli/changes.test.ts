import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { freshDatabase } from '../support/database.js';
import { cleanEnvironment, potctl } from '../support/run-cli.js';
import { temporaryFolder } from '../support/tree.js';
import { potctlToFullDisk } from './full-output.js';

test('every changing command says what it changed, even if its result cannot be written', async () => {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 100) as n' });
  const folder = await temporaryFolder();
  const env = { PGDATABASE: database.name };
  const place = ['--repository', path.join(folder, 'backups')];
  const backups = (): string[] => readdirSync(path.join(folder, 'backups', 'backups'));
  const changed = async (args: readonly string[]): Promise<string> => {
    const { exitCode, error } = await potctlToFullDisk(args, env);
    expect([exitCode, error], JSON.stringify(error)).toMatchObject([17, { code: 'E_OUTPUT', changed: 'complete' }]);
    expect(error.fix).not.toContain('Run it again: unfinished work is found and removed automatically.');
    return error.changed_detail;
  };

  expect(await changed(['setup', '-y'])).toContain(`is installed in ${database.name}`);
  expect(await changed(['backup', 'create', ...place])).toMatch(/^the backup '\S+' is listed$/);
  const [id] = backups();
  expect(await changed(['backup', 'pin', id!, '--reason', 'audit', ...place])).toBe(`backup ${id} is pinned`);
  expect(await changed(['backup', 'unpin', id!, ...place])).toBe(`backup ${id} is no longer pinned`);

  const dump = path.join(folder, 'old.sql');
  execFileSync('pg_dump', ['-f', dump, database.name], { env: cleanEnvironment(env) });
  expect(
    await changed(['backup', 'import', dump, '--database-name', 'old', '--repository', `${folder}/other`]),
  ).toMatch(/^1 of 1 processed, imported: \S+$/);
  await potctl(['backup', 'create', ...place], { env });
  const before = backups().length;
  expect(await changed(['backup', 'prune', '--keep-last', '1', '--confirm', database.name, ...place])).toMatch(
    /backups? (was|were) removed/,
  );
  expect(backups().length).toBeLessThan(before);

  await database.query('truncate t');
  await database.client.end();
  expect(await changed(['restore', 'run', 'latest', '--confirm', database.name, ...place])).toMatch(
    /^the restore of run \S+ is complete$/,
  );
  expect(await changed(['restore', 'undo', '--confirm', database.name, ...place])).toMatch(
    /^the undo of run \S+ is complete$/,
  );
});
