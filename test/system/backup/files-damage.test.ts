import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { checkArchive } from '../../../src/archive/check.js';
import { extractArchive } from '../../../src/archive/extract.js';
import { readList } from '../../../src/archive/list.js';
import type { FilesPart } from '../../../src/catalog/manifest.js';
import { begin, type Place, pathWith, place, request } from '../../support/files.js';

/** With zstd, and where there is no program for compression. */
const WAYS = [
  ['with zstd', (_: Place) => process.env['PATH'] ?? ''],
  ['without any compressor installed', (at: Place) => pathWith(at, 'tar', 'mkfifo')],
] as const;

async function backedUp(pathOf: (at: Place) => string) {
  const at = place();
  for (let n = 0; n < 40; n += 1) {
    mkdirSync(`${at.tree}/d${n}`);
    // No repetition: where there is some, another byte of gzip can mean the same content.
    writeFileSync(`${at.tree}/d${n}/f`, randomBytes(5_000).toString('hex'));
  }
  const environment = { PATH: pathOf(at) };
  const part = await (await begin(at, { environment })).secondPass();
  return { at, part, asked: { ...request(at, part), environment } };
}

const archiveOf = (at: Place, part: FilesPart): string => path.join(at.folder, part.backup_file);

describe.each(WAYS)('%s', (_, pathOf) => {
  test('a good archive passes', async () => {
    const { asked } = await backedUp(pathOf);
    expect(await checkArchive(asked)).toEqual([]);
  });

  test('a truncated archive is detected, wherever it ends', async () => {
    const { at, part, asked } = await backedUp(pathOf);
    const file = archiveOf(at, part);
    for (const share of [0.99, 0.5, 0.1, 0]) {
      truncateSync(file, Math.floor(part.size_bytes * share));
      const problems = await checkArchive(asked);
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(new RegExp(`^${part.backup_file}: `));
      await expect(extractArchive({ ...asked, into: at.into })).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT' });
      rmSync(at.into, { recursive: true });
      mkdirSync(at.into);
    }
  });

  test('a flipped byte is detected anywhere', async () => {
    const { at, part, asked } = await backedUp(pathOf);
    const good = readFileSync(archiveOf(at, part));
    for (let n = 0; n < 24; n += 1) {
      const bad = Buffer.from(good);
      // Not at the ends, where compressors keep bits that mean nothing and checksums of their own.
      const where = 12 + Math.floor((0.98 * (good.length - 12) * n) / 23);
      bad[where] = bad[where]! ^ 0x40;
      writeFileSync(archiveOf(at, part), bad);
      expect(await checkArchive(asked), `byte ${where} of ${good.length}`).not.toEqual([]);
    }
  });
});

test('a missing archive, and a missing list, are named', async () => {
  const { at, part, asked } = await backedUp(() => process.env['PATH'] ?? '');
  rmSync(archiveOf(at, part));
  expect(await checkArchive(asked)).toEqual([`${part.backup_file}: it is missing`]);
  rmSync(path.join(at.folder, part.list_file));
  expect(await checkArchive(asked)).toEqual([`${part.list_file}: it is missing`]);
});

test('the list of another backup is detected', async () => {
  const one = await backedUp(() => process.env['PATH'] ?? '');
  const two = await backedUp(() => process.env['PATH'] ?? '');
  copyFileSync(path.join(two.at.folder, two.part.list_file), path.join(one.at.folder, one.part.list_file));
  const problems = await checkArchive(one.asked);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain('mtime_ns');
});

describe('a damaged list is detected', () => {
  const lines = (file: string): string[] => gunzipSync(readFileSync(file)).toString().trimEnd().split('\n');
  const edited = (edit: (line: Record<string, unknown>) => object) => (all: string[]) =>
    all.map((line, index) => (index === 4 ? JSON.stringify(edit(JSON.parse(line))) : line));

  test.each<[string, (lines: string[]) => string[], RegExp]>([
    ['a line is missing', (all) => all.filter((_, index) => index !== 4), /./],
    [
      'a line is there twice',
      (all) => all.flatMap((line, index) => (index === 4 ? [line, line] : [line])),
      /wrong place/,
    ],
    ['a line has moved', (all) => [...all.slice(0, 3), ...all.slice(4), all[3]!], /wrong place/],
    ['the last line is missing', (all) => all.slice(0, -1), /the manifest says/],
    ['another content', edited((line) => ({ ...line, sha256: 'a'.repeat(64) })), /"d1\/f": its content differs/],
    ['another size', edited((line) => ({ ...line, size: 9_999 })), /bytes, but the manifest says/],
    ['another mode', edited((line) => ({ ...line, mode: '4755' })), /"d1\/f" has mode 0644, but the list says 4755/],
    ['another owner', edited((line) => ({ ...line, uid: 4_321 })), /has uid/],
    ['marked as replaced', edited((line) => ({ ...line, superseded: true })), /wrongly marked/],
    ['no JSON', (all) => all.map((line, index) => (index === 4 ? line.slice(1) : line)), /not JSON/],
    ['not a line of a list', edited(() => ({ path: 'd1/f' })), /invalid format/],
    ['a path that leaves the tree', edited((line) => ({ ...line, path: '../f' })), /invalid format/],
    ['an absolute path', edited((line) => ({ ...line, path: '/etc/f' })), /invalid format/],
  ])('%s', async (_, damage, expected) => {
    const { at, part, asked } = await backedUp(() => process.env['PATH'] ?? '');
    const file = path.join(at.folder, part.list_file);
    const damaged = damage(lines(file)).map((line) => `${line}\n`);
    writeFileSync(file, gzipSync(damaged.join('')), { mode: 0o600 });
    const problems = await checkArchive(asked);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(expected);
    await expect(extractArchive({ ...asked, into: at.into })).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT' });
  });

  test('it is truncated, or not a list at all', async () => {
    const { at, part, asked } = await backedUp(() => process.env['PATH'] ?? '');
    const file = path.join(at.folder, part.list_file);
    truncateSync(file, 100);
    expect(await checkArchive(asked)).toEqual([
      expect.stringContaining(`${part.list_file}: it cannot be decompressed`),
    ]);
    writeFileSync(file, 'no gzip');
    await expect(readList(at.folder, part).next()).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT' });
  });
});
