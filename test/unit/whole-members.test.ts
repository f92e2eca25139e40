import { execFileSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkMembersWhole } from '../../src/dump/whole-members.js';
import { temporaryFolder } from '../support/tree.js';

/** Written by zstd 1.5.4: raw, compressed and RLE blocks, with and without checksum and size of the content. */
const SHORT = Buffer.from('KLUv/QBYQQAAb25lIHJvdwo=', 'base64');
const BLOCKS =
  'FAUA1tIlDNDllN25Se4CaDoKCiIAIAAhAAE2QCbxd6hvZHefAAfY6Wmlm+n4niMpQPVQPwf0MwMMFAGuOQSAHggtSo1IG+UyXycZvlvs1Dwi2buVXcQlmcORL4pRxTGshw2A2TAvOtdZ900wzvLqDNzLTTAjY8ccASwhECHi4BQwxagGIuJJ3EUEIOhmsgP3EpIGfQlnPpjqKpCeCwEALdD+OZgCAgAQeAIAEHhj3QB4ckxiMA==';
const STREAMED = Buffer.concat([Buffer.from('KLUv/QRI', 'base64'), Buffer.from(BLOCKS, 'base64')]);
const SIZED = Buffer.concat([Buffer.from('KLUv/aSsGwYA', 'base64'), Buffer.from(BLOCKS, 'base64')]);
const SKIPPABLE = Buffer.from('502a4d1803000000aabbcc', 'hex');

/** Written by lz4 1.9.4: a block that is not compressed; one with its checksum, and the size of the content. */
const LZ4_SHORT = Buffer.from('BCJNGGRApwgAAIBvbmUgcm93CgAAAACED1wk', 'base64');
const LZ4_CHECKED = Buffer.from('BCJNGHxAYAAAAAAAAAD2EgAAAI9vbmUgcm93CggAQFAgcm93CoLRemwAAAAArQ2a9A==', 'base64');

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});

async function check(members: Readonly<Record<string, Buffer>>): Promise<string> {
  for (const [name, bytes] of Object.entries(members)) await writeFile(path.join(folder, name), bytes);
  try {
    await checkMembersWhole(folder, new AbortController().signal);
    return 'whole';
  } catch (error) {
    return String(error);
  } finally {
    for (const name of Object.keys(members)) await rm(path.join(folder, name));
  }
}

const WHOLE: Readonly<Record<string, Readonly<Record<string, Buffer>>>> = {
  'a short member in zstd': { '1.dat.zst': SHORT },
  'a streamed member in zstd': { '1.dat.zst': STREAMED },
  'a member in zstd with its size': { '1.dat.zst': SIZED },
  'a member in lz4': { '1.dat.lz4': LZ4_SHORT },
  'a member in lz4 with checksums': { '1.dat.lz4': LZ4_CHECKED },
  'a member in gzip': { '1.dat.gz': gzipSync('rows\n'.repeat(50)) },
};

describe.each(Object.entries(WHOLE))('%s', (_, members) => {
  test('is whole', async () => {
    expect(await check(members)).toBe('whole');
  });

  test('is damaged if it is truncated anywhere, even to nothing', async () => {
    const [[name, bytes]] = Object.entries(members) as [[string, Buffer]];
    const cuts = Array.from(bytes.keys());
    const found: string[] = [];
    for (const cut of cuts) found.push(await check({ [name]: bytes.subarray(0, cut) }));
    expect(cuts.filter((_cut, at) => found[at] === 'whole')).toEqual([]);
    expect(found[0]).toContain(`'${name}'`);
  });
});

test('several frames, and what is not compressed, are whole', async () => {
  const several = Buffer.concat([SHORT, SKIPPABLE, STREAMED]);
  expect(await check({ '1.dat.zst': several, 'toc.dat': Buffer.alloc(0), 'blobs.toc': Buffer.from('1 blob') })).toBe(
    'whole',
  );
  expect(await check({ '1.dat.zst': several.subarray(0, SHORT.length + SKIPPABLE.length - 1) })).toContain('truncated');
});

test('what is not zstd at all is damaged', async () => {
  expect(await check({ '1.dat.zst': Buffer.from('one row, not compressed\n') })).toContain('truncated');
  expect(await check({ '1.dat.zst': Buffer.concat([SHORT, Buffer.from('behind its end')]) })).toContain('truncated');
});

test('what is no member of the dump is not looked at, and a pipe is not waited for', async () => {
  execFileSync('mkfifo', [path.join(folder, '2.dat.gz')]);
  expect(await check({ '1.dat.zst': SHORT, 'notes.gz': Buffer.alloc(0) })).toBe('whole');
});
