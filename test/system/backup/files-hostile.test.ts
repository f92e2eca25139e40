import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkArchive } from '../../../src/archive/check.js';
import { extractArchive } from '../../../src/archive/extract.js';
import { type Place, place, request } from '../../support/files.js';
import {
  directory,
  directoryLine,
  EVIL,
  FACTS,
  type Forged,
  file,
  fileLine,
  forge,
  hard,
  hardLine,
  link,
  linkLine,
  root,
  rootLine,
  sha256,
} from './forged-archive.js';

const outside = (at: Place): string[] => readdirSync(at.plain);

/** `@` in names and targets stands for a folder outside of where the archive is extracted. */
const CASES: readonly (readonly [string, RegExp, (outside: string) => Forged])[] = [
  [
    'a name with ..',
    /invalid format/,
    () => ({ members: [root, file('../evil')], lines: [rootLine, fileLine('../evil')] }),
  ],
  [
    '.. in the archive only',
    /is where the list has/,
    () => ({ members: [root, file('../evil')], lines: [rootLine, fileLine('evil')] }),
  ],
  [
    'an absolute name',
    /invalid format/,
    (out) => ({ members: [root, file(`${out}/evil`)], lines: [rootLine, fileLine(`${out}/evil`)] }),
  ],
  [
    'an absolute name in the archive only',
    /is where the list has/,
    (out) => ({ members: [root, file(`${out}/evil`)], lines: [rootLine, fileLine('evil')] }),
  ],
  [
    'a path record that leads away from the name',
    /is where the list has/,
    (out) => ({
      members: [root, file('evil', { records: { path: `${out}/evil` } })],
      lines: [rootLine, fileLine('evil')],
    }),
  ],
  [
    'a file below a symlink that leaves the tree',
    /wrong place/,
    (out) => ({
      members: [root, link('a', out), file('a/evil')],
      lines: [rootLine, linkLine('a', out), fileLine('a/evil')],
    }),
  ],
  [
    'a symlink that a directory replaces in a second round',
    /both a directory/,
    (out) => ({
      members: [root, link('a', out), root, directory('a'), file('a/evil')],
      lines: [
        { ...rootLine, superseded: true },
        { ...linkLine('a', out), superseded: true },
        rootLine,
        directoryLine('a'),
        fileLine('a/evil'),
      ],
    }),
  ],
  [
    'a directory that a symlink replaces in a second round, and a third that writes through it',
    /wrong place/,
    (out) => ({
      members: [root, directory('a'), root, link('a', out), root, file('a/evil')],
      lines: [
        { ...rootLine, superseded: true },
        { ...directoryLine('a'), superseded: true },
        { ...rootLine, superseded: true },
        linkLine('a', out),
        rootLine,
        fileLine('a/evil'),
      ],
    }),
  ],
  [
    'a hard link to a file outside',
    /does not precede/,
    () => ({ members: [root, hard('a', '/etc/passwd')], lines: [rootLine, hardLine('a', '/etc/passwd')] }),
  ],
  [
    'a hard link through ..',
    /does not precede/,
    () => ({ members: [root, hard('a', '../../etc/passwd')], lines: [rootLine, hardLine('a', '../../etc/passwd')] }),
  ],
  [
    'a hard link to what comes later',
    /does not precede/,
    () => ({ members: [root, hard('a', 'b'), file('b')], lines: [rootLine, hardLine('a', 'b'), fileLine('b')] }),
  ],
  [
    'a hard link to a file below a symlink',
    /does not precede/,
    (out) => ({
      members: [root, link('a', out), hard('b', 'a/target')],
      lines: [rootLine, linkLine('a', out), hardLine('b', 'a/target')],
    }),
  ],
  [
    'a device',
    /is a device/,
    () => ({ members: [root, { name: 'a', flag: '3' }], lines: [rootLine, { ...FACTS, path: 'a', type: 'fifo' }] }),
  ],
  [
    'a name twice',
    /wrong place/,
    () => ({ members: [root, file('a'), file('a')], lines: [rootLine, fileLine('a'), fileLine('a')] }),
  ],
  [
    'a file whose name ends in a slash, which tar takes for a directory',
    /is where the list has/,
    () => ({ members: [root, file('a/')], lines: [rootLine, fileLine('a')] }),
  ],
  [
    'a sparse member whose name differs from the list',
    /is where the list has/,
    (out) => ({
      members: [
        root,
        file('evil', {
          content: Buffer.from('0\n'.padEnd(512, '\0')),
          records: {
            'GNU.sparse.major': '1',
            'GNU.sparse.minor': '0',
            'GNU.sparse.name': `${out}/evil`,
            'GNU.sparse.realsize': '0',
          },
        }),
      ],
      lines: [rootLine, { ...fileLine('evil'), size: 0, sha256: sha256(Buffer.alloc(0)) }],
    }),
  ],
  [
    'a GNU long link',
    /unexpected type/,
    () => ({ members: [root, { name: '././@LongLink', flag: 'K', content: EVIL }], lines: [rootLine] }),
  ],
  [
    'a member that the list does not have',
    /not in the list/,
    () => ({ members: [root, file('evil')], lines: [rootLine] }),
  ],
  [
    'another content than the list has',
    /its content differs/,
    () => ({ members: [root, file('a', { content: Buffer.from('EVIL') })], lines: [rootLine, fileLine('a')] }),
  ],
];

describe('a malicious archive is refused, and nothing outside the target is changed', () => {
  test.each(CASES)('%s', async (_, reason, forged) => {
    const at = place();
    writeFileSync(`${at.plain}/target`, 'mine');
    const part = forge(at, forged(at.plain));

    await expect(extractArchive({ ...request(at, part), into: at.into })).rejects.toMatchObject({
      code: 'E_BACKUP_CORRUPT',
      message: expect.stringMatching(reason),
      changed: 'scratch',
    });

    expect(outside(at)).toEqual(['target']);
    expect(readdirSync(path.dirname(at.tree)).sort()).toEqual(['folder', 'into', 'plain', 'tree']);
    expect(existsSync(`${at.into}/evil`)).toBe(false);
    expect(await checkArchive(request(at, part))).toHaveLength(1);
  });
});

test('the forged archives are refused only for their flaw: without it they are extracted', async () => {
  const at = place();
  const members = [root, directory('a'), file('a/b'), link('c', '/anywhere'), hard('d', 'a/b')];
  const lines = [rootLine, directoryLine('a'), fileLine('a/b'), linkLine('c', '/anywhere'), hardLine('d', 'a/b')];
  const directories = members.map((member) => (member.flag === '5' ? { ...member, mode: 0o644 } : member));
  const part = forge(at, { members: directories, lines });
  expect(await extractArchive({ ...request(at, part), into: at.into })).toEqual({
    files: 2,
    directories: 1,
    symlinks: 1,
    bytes: 4,
  });
});

test('totals in a manifest that do not match the list are detected', async () => {
  const at = place();
  const part = forge(at, { members: [root, file('a')], lines: [rootLine, fileLine('a')] });
  expect(await checkArchive(request(at, { ...part, files: 2 }))).toEqual([
    'list.gz: the list has 1 files, but the manifest says 2',
  ]);
});

test('nothing is extracted into a directory that is not empty', async () => {
  const at = place();
  const part = forge(at, { members: [root], lines: [rootLine] });
  symlinkSync('/etc', `${at.into}/a`);
  await expect(extractArchive({ ...request(at, part), into: at.into })).rejects.toMatchObject({ code: 'E_REFUSED' });
  mkdirSync(`${at.tree}/x`);
  const missing = extractArchive({ ...request(at, part), into: `${at.tree}/y` });
  await expect(missing).rejects.toMatchObject({ code: 'E_IO' });
});
