import { chmod, copyFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { applicationWithOldBackups, freeze, photograph } from '../../support/application-with-old-backups.js';

test('nothing is ever written to the folder of the old scripts or to its files', async () => {
  const { name, run, backUp, storage, cwd } = await applicationWithOldBackups();
  const { folder, manifest } = await backUp();
  await copyFile(manifest, path.join(cwd, 'copy.json'));
  await freeze(folder);
  onTestFinished(() => chmod(folder, 0o755));
  const before = await photograph(folder);
  const where = ['--backup-dir', folder];

  const codes = [];
  for (const command of [
    ['backup', 'list', ...where],
    ['backup', 'show', ...where],
    ['backup', 'verify', '--level', 'full', ...where],
    ['restore', 'plan', '--files', storage, ...where],
    ['restore', 'run', '--files', storage, '--confirm', name, ...where],
    ['restore', 'list', ...where],
    ['restore', 'undo', '--files', storage, '--confirm', name, ...where],
    ['backup', 'import', folder, '--repository', path.join(cwd, 'repository')],
  ]) {
    const ran = await run(...command);
    codes.push([command.slice(0, 2).join(' '), ran.exitCode, ran.exitCode === 0 ? '' : ran.stderr]);
  }

  expect(codes.filter(([, code]) => code !== 0)).toEqual([]);
  expect(await photograph(folder)).toEqual(before);
}, 120_000);
