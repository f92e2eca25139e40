import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ImportResult } from '../../../src/backup/imported/import.js';
import { type Progress, silent } from '../../../src/kernel/progress.js';
import type { Repository } from '../../../src/repository/repository.js';
import { photograph } from '../../support/application-with-old-backups.js';
import { freshDatabase } from '../../support/database.js';
import { filesSite } from '../../support/files-backup.js';
import { testPotctl } from '../../support/host.js';
import { openedAt } from '../../support/old-backups.js';
import { oldBackup, pgTool } from '../../support/old-scripts.js';
import { atPhase, canMount, smallDisk, unfinished } from '../../support/small-disk.js';
import { describeTree, makeTree, temporaryFolder } from '../../support/tree.js';

const SCHEMA = 'create table t as select i, md5(i::text) as body from generate_series(1, 3000) i';

/** A set of the old scripts, and a repository on a small disk. */
async function importSite() {
  const { name } = await freshDatabase({ schema: SCHEMA });
  const { disk, ...small } = await smallDisk();
  const cwd = await temporaryFolder();
  const storage = await makeTree({ 'a.txt': 'alpha', 'noise.bin': randomBytes(300_000) }, path.join(cwd, 'storage'));
  const { folder } = await oldBackup({ database: name, storage, backupDir: 'old', cwd });
  const place = path.join(disk, 'backups');
  const repository = await openedAt(place);
  return { ...small, name, cwd, folder, place, repository, run: runner(repository, name) };
}

const runner =
  (repository: Repository, database: string) =>
  async (folder: string, databaseName: string | undefined, progress: Progress): Promise<ImportResult> => {
    const backup = await testPotctl({ server: null, repository, host: { progress, flags: { database } } }).backup();
    return (await backup.import({ path: folder, databaseName })).apply();
  };

describe.skipIf(!canMount)('a disk that runs full (needs root, to mount a small one)', () => {
  test.each(['hashes', 'dump', 'files'])(
    'during %s of an import fails with no space: nothing is listed or left, the originals are unchanged, and a retry succeeds',
    async (phase) => {
      const { folder, place, repository, run, fill, empty } = await importSite();
      const before = await photograph(folder);

      const failed = run(folder, undefined, atPhase(phase, 1, fill));

      await expect(failed).rejects.toMatchObject({ code: 'E_NO_SPACE', changed: 'nothing', fix: [expect.any(String)] });
      expect([await repository.list(), unfinished(place), await photograph(folder)]).toEqual([[], [], before]);
      empty();
      expect(await run(folder, undefined, silent)).toMatchObject({ imported: 1 });
      expect([(await repository.list()).length, unfinished(place)]).toEqual([1, []]);
    },
  );

  test('in the middle of a copy fails an import the same way', async () => {
    const { name, cwd, place, repository, run, fill, empty } = await importSite();
    const dump = path.join(cwd, 'app.dir');
    await pgTool('pg_dump', ['-d', name, '-F', 'd', '-f', dump]);
    // So small that they seem to fit, and on this disk each of them takes a page.
    for (let made = 0; made < 200; made += 1) fs.writeFileSync(path.join(dump, `${9000 + made}.dat`), '\n');
    await run(dump, name, silent);
    const ids = await repository.list();
    fs.rmSync(path.join(place, 'backups', ids[0]!), { recursive: true });
    fill(160_000);

    const failed = run(dump, name, silent);

    const message = expect.stringContaining('copy the artifacts');
    await expect(failed).rejects.toMatchObject({ code: 'E_NO_SPACE', changed: 'nothing', message });

    expect([await repository.list(), unfinished(place)]).toEqual([[], []]);
    empty();
    expect(await run(dump, name, silent)).toMatchObject({ imported: 1 });
    expect(await repository.list()).toEqual(ids);
  });

  test.each(['files', 'files check', 'place'])(
    'while single files are restored, at %s: all or none are restored, existing files stay, and a retry succeeds',
    async (phase) => {
      const { disk, fill, empty } = await smallDisk();
      const to = path.join(disk, 'found');
      const { tree, restore } = await filesSite(await makePieces(), { to });
      await makeTree({ there: { 'own.txt': 'mine' } }, to);
      const before = await describeTree(to);

      const error = await restore(['**'], { overwrite: 'always' }, { progress: atPhase(phase, 1, fill) }).then(
        () => null,
        (reason: unknown) => reason,
      );

      if (error !== null) expect(error).toMatchObject({ code: 'E_NO_SPACE', changed: 'nothing' });
      else expect(phase).not.toBe('files');
      expect(unfinished(to)).toEqual([]);
      const whole = [...(await describeTree(tree)), ...before].sort();
      expect(await describeTree(to)).toEqual(error === null ? whole : before);
      empty();
      expect(await restore(['**'], { overwrite: 'always' })).toMatchObject({ state: 'done' });
      expect(await describeTree(to)).toEqual(whole);
      expect(unfinished(to)).toEqual([]);
    },
  );

  test('that holds the repository does not prevent the restore of single files', async () => {
    const { disk, fill } = await smallDisk();
    const repository = await openedAt(path.join(disk, 'backups'));
    const { tree, restore, to } = await filesSite(await makePieces(), { repository });
    fill();

    expect(await restore(['**'])).toMatchObject({ state: 'done' });

    expect(await describeTree(to)).toEqual(await describeTree(tree));
    expect(unfinished(repository.url)).toEqual([]);
  });
});

const makePieces = (): Promise<string> =>
  makeTree({ 'a.txt': 'alpha', deep: { 'noise.bin': randomBytes(300_000), 'b.txt': 'beta' } });
