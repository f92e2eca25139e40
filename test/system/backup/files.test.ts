import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { checkArchive } from '../../../src/archive/check.js';
import { compareTree } from '../../../src/archive/compare.js';
import { extractArchive } from '../../../src/archive/extract.js';
import { begin, finish, place, request, unpackPlainly } from '../../support/files.js';

test('a tree is restored unchanged by potctl and by plain tar', async () => {
  const at = place();
  mkdirSync(`${at.tree}/models/empty`, { recursive: true });
  writeFileSync(`${at.tree}/models/cube.stl`, 'solid cube\n');

  const part = await finish(await begin(at));

  expect(part).toMatchObject({ files: 1, directories: 2, symlinks: 0, bytes: 11, incomplete_total: 0 });
  expect(await checkArchive(request(at, part))).toEqual([]);
  await extractArchive({ ...request(at, part), into: at.into });
  expect(await compareTree({ ...request(at, part), root: at.into })).toEqual([]);
  unpackPlainly(path.join(at.folder, part.backup_file), at.plain);
  expect(await compareTree({ ...request(at, part), root: at.plain })).toEqual([]);
});

test('files that are new or changed between the passes are archived, and removed ones stay in the archive', async () => {
  const at = place();
  for (const name of ['same', 'changes', 'goes']) writeFileSync(`${at.tree}/${name}`, 'old');
  const backup = await begin(at);
  writeFileSync(`${at.tree}/changes`, 'new content');
  writeFileSync(`${at.tree}/comes`, 'new');
  rmSync(`${at.tree}/goes`);

  const part = await backup.secondPass();

  expect(part).toMatchObject({ files: 4, bytes: 20, incomplete: [] });
  unpackPlainly(path.join(at.folder, part.backup_file), at.plain);
  expect(await compareTree({ ...request(at, part), root: at.plain })).toEqual([]);
  expect(execFileSync('cat', ['changes', 'comes', 'goes', 'same'], { cwd: at.plain }).toString()).toBe(
    'new contentnewoldold',
  );
  expect([await backup.has('comes'), await backup.has('goes'), await backup.has('never')]).toEqual([true, true, false]);
});
