import { createHash } from 'node:crypto';
import { appendFile, mkdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { hashWrites } from '../../src/storage/hash.js';
import { temporaryFolder } from '../support/tree.js';

test.each([
  ['at once', 0],
  ['slowly, so that a thread follows', 700],
])('a file written %s gets the size and hash of its final content', async (_how, pause) => {
  const folder = path.join(await temporaryFolder(), 'dump');
  const files = ['1.dat', '2.dat', 'toc'].map((name) => path.join(folder, name));
  const hashing = hashWrites(folder, /\.dat$/);
  await mkdir(folder);
  for (const file of files) await appendFile(file, 'first ');
  await sleep(pause);
  for (const file of files) await appendFile(file, file);

  const expected = files.map((file) => `first ${file}`);
  expect(await hashing.finish(files)).toEqual(
    expected.map((text) => ({ size: text.length, sha256: createHash('sha256').update(text).digest('hex') })),
  );
});

test('hashing works even if the current directory was deleted, where no thread can start', async () => {
  const file = path.join(await temporaryFolder(), 'archive');
  const gone = path.join(await temporaryFolder(), 'gone');
  const before = process.cwd();
  await mkdir(gone);
  process.chdir(gone);
  try {
    await rmdir(gone);
    const hashing = hashWrites(file);
    await appendFile(file, 'written');
    await sleep(700);

    const sha256 = createHash('sha256').update('written').digest('hex');
    expect(await hashing.finish([file])).toEqual([{ size: 7, sha256 }]);
  } finally {
    process.chdir(before);
  }
});
