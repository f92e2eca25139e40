import { createHash } from 'node:crypto';
import { appendFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { hashWrites } from '../../src/storage/hash.js';
import { temporaryFolder } from '../support/tree.js';

test.each([
  ['at once', 0],
  ['slowly, so that a thread follows', 700],
])('what is written %s has the size and hash of what is stored in the end', async (_how, pause) => {
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
