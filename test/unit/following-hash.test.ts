import { createHash } from 'node:crypto';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { followWrites } from '../../src/storage/following-hash.js';
import { temporaryFolder } from '../support/tree.js';

const hashOf = (bytes: Buffer) => ({ size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });

test('a file that appears late and grows in pieces gets the hash of its final content', async () => {
  const file = path.join(await temporaryFolder(), 'archive');
  const stored = followWrites(file);
  await sleep(80);
  const pieces = [Buffer.alloc(3 << 20, 'a'), Buffer.from('b'), Buffer.alloc(0), Buffer.alloc(100_000, 'c')];
  for (const piece of pieces) {
    await appendFile(file, piece);
    await sleep(60);
  }

  expect(await stored.finish([file])).toEqual([hashOf(Buffer.concat(pieces))]);
});

test('files of a folder that do not match are only read at the end, so they may be overwritten', async () => {
  const folder = path.join(await temporaryFolder(), 'dump');
  const stored = followWrites(folder, /\.dat$/);
  await mkdir(folder);
  const [member, toc] = [path.join(folder, '1.dat'), path.join(folder, 'toc')];
  await writeFile(member, 'rows');
  await writeFile(toc, 'unfinished');
  await sleep(120);
  await writeFile(toc, 'finished');
  await appendFile(member, ' and more');

  expect(await stored.finish([toc, member])).toEqual([
    hashOf(Buffer.from('finished')),
    hashOf(Buffer.from('rows and more')),
  ]);
});

test('a file missing at the end is an error that names it', async () => {
  const file = path.join(await temporaryFolder(), 'gone');

  await expect(followWrites(file).finish([file])).rejects.toMatchObject({
    code: 'E_IO',
    message: `cannot read "${file}"`,
  });
});
