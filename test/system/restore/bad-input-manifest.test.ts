import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { refusalOf } from '../../support/bad-input.js';
import { freshDatabase, inMaintenance, type TestDatabase } from '../../support/database.js';
import type { Ran } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { tarOf, type WrittenMember } from '../../support/tar-writer.js';
import { describeTree, makeTree, temporaryFolder } from '../../support/tree.js';

// biome-ignore lint/suspicious/noExplicitAny: these values break every type on purpose
type Json = any;

/** One good backup, created once; each test makes a hostile copy with correct checksums. */
let database: TestDatabase;
let source: string;
let id: string;
let folder: string;
let tree: string;
let backup: string;

beforeAll(async () => {
  database = await freshDatabase({ dropAfterTest: false, schema: 'create table t as select generate_series(1, 10) i' });
  source = await mkdtemp(path.join(os.tmpdir(), 'potctl-test-'));
  await makeTree({ 'a.txt': 'alpha', sub: { 'b.txt': 'beta' } }, path.join(source, 'tree'));
  const made = await run('backup', 'create', ...where(source), '--files', path.join(source, 'tree'));
  expect(made.exitCode).toBe(0);
  id = JSON.parse(made.stdout).result.id;
});
afterAll(async () => {
  await database.drop();
  await rm(source, { recursive: true, force: true });
});
beforeEach(async () => {
  folder = await temporaryFolder();
  await cp(source, folder, { recursive: true });
  tree = path.join(folder, 'tree');
  backup = path.join(folder, 'repository', 'backups', id);
});

const where = (at: string): string[] => ['--repository', path.join(at, 'repository')];
const run = (...args: string[]): Promise<Ran> => potctl([...args, '--json'], { env: { PGDATABASE: database.name } });

async function rewrite(name: string, content: string | Buffer): Promise<void> {
  const file = path.join(backup, name);
  await chmod(path.dirname(file), 0o700);
  await chmod(file, 0o600);
  await writeFile(file, content);
}

async function changeManifest(change: (manifest: Json) => unknown): Promise<void> {
  const manifest = JSON.parse(await readFile(path.join(backup, 'manifest.json'), 'utf8'));
  change(manifest);
  await writeManifest(JSON.stringify(manifest));
}

async function writeManifest(text: string): Promise<void> {
  await rewrite('manifest.json', text);
  await rewrite('manifest.json.sha256', `${sha256(text)}  manifest.json\n`);
}

const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Its restore is refused, and neither the server, nor the tree, nor anything next to it has changed. */
async function expectNothingRestored(code: string, flags = ['--confirm', database.name]): Promise<string> {
  const before = { databases: await databases(), tree: await describeTree(tree) };
  const asked = [...where(folder), '--files', tree, ...flags];
  const refusal = refusalOf(await run('restore', 'run', id, ...asked));
  expect(refusal).toMatchObject({ exit: 20, code });
  expect(await databases()).toEqual(before.databases);
  expect(await describeTree(tree)).toEqual(before.tree);
  return `${refusal.message} ${JSON.stringify(refusal.why)}`;
}

async function databases(): Promise<unknown[]> {
  const sql = 'select oid, datname from pg_database where starts_with(datname, $1)';
  return (await inMaintenance((client) => client.query(sql, [database.name]))).rows;
}

describe('a manifest with a correct checksum is refused if', () => {
  const artifact = (manifest: Json) => manifest.database.files[0];
  test.each<[string, (manifest: Json) => unknown, RegExp]>([
    [
      'an artifact leaves the backup',
      (m) => Object.assign(artifact(m), { path: '../../../../etc/passwd' }),
      /not a path inside/,
    ],
    [
      'an artifact is absolute',
      (m) => Object.assign(m.storage.artefacts[0], { path: '/etc/passwd' }),
      /not a path inside/,
    ],
    ['the dump is elsewhere', (m) => Object.assign(m.database, { backup_file: '../..' }), /not a path inside/],
    ['an artifact is listed twice', (m) => m.database.files.push(artifact(m)), /twice/],
    ['a number is huge', (m) => Object.assign(artifact(m), { size: 1e308 }), /size/],
    ['a number is negative', (m) => Object.assign(m.totals, { stored_bytes: -1 }), /stored_bytes/],
    ['its major version is unknown', (m) => Object.assign(m, { schema_version: '3.0' }), /version 3/],
    ['it is of another backup', (m) => Object.assign(m, { id: '20200101T000000Z-aaaaaa' }), /another backup/],
  ])('%s', async (_, change, says) => {
    await changeManifest(change);
    expect(await expectNothingRestored('E_MANIFEST')).toMatch(says);
  });

  test('it is truncated', async () => {
    const text = await readFile(path.join(backup, 'manifest.json'), 'utf8');
    await writeManifest(text.slice(0, text.length / 2));
    await expectNothingRestored('E_MANIFEST');
    const listed = await run('backup', 'list', ...where(folder));
    expect(JSON.parse(listed.stdout).items).toMatchObject([{ id, status: 'damaged' }]);
  });
});

/** A member of the archive and its entry in the list; `listed` replaces the entry. */
interface Hostile {
  readonly member: WrittenMember;
  readonly listed?: Json;
}

const file = (name: string, listed?: Json): Hostile => ({ member: { name, content: DATA }, listed });
const link = (name: string, target: string, flag = '2'): Hostile => ({ member: { name, target, flag } });
const DATA = Buffer.from('pwned\n');
const TYPES: Json = { 0: 'file', 1: 'hardlink', 2: 'symlink', 3: 'device', 5: 'directory' };

function lineOf({ member, listed }: Hostile): Json {
  const { name, flag = '0', content, mode = 0o644, target } = member;
  const line = {
    ...{ path: name === './' ? '.' : name.replace(/(?<=.)\/$/, ''), type: TYPES[flag], size: content?.length ?? 0 },
    ...{ mode: mode.toString(8).padStart(4, '0'), uid: 0, gid: 0, mtime_ns: '1600000000000000000' },
    ...(content === undefined ? {} : { sha256: sha256(content) }),
    ...(target === undefined ? {} : { target }),
  };
  return { ...line, ...listed };
}

/** Makes this the archive of the backup, with a matching list and checksums. */
async function writeArchive(hostile: readonly Hostile[]): Promise<void> {
  const all = [{ member: { name: './', flag: '5', mode: 0o755 } }, ...hostile];
  const lines = all.map(lineOf);
  const manifest = JSON.parse(await readFile(path.join(backup, 'manifest.json'), 'utf8'));
  const { storage } = manifest;
  const count = (...types: string[]) => lines.slice(1).filter(({ type }) => types.includes(type)).length;
  const totals = { files: count('file', 'hardlink'), directories: count('directory'), symlinks: count('symlink') };
  Object.assign(storage, totals, { compression: 'none', bytes: lines.reduce((sum, { size }) => sum + size, 0) });
  const contents: Record<string, Buffer> = {
    [storage.backup_file]: tarOf(...all.map(({ member }) => member)),
    [storage.list_file]: gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
  };
  for (const artifact of storage.artefacts) {
    const content = contents[artifact.path]!;
    await rewrite(artifact.path, content);
    Object.assign(artifact, { size: content.length, sha256: sha256(content) });
  }
  await writeManifest(JSON.stringify(manifest));
}

describe('an archive with correct checksums', () => {
  test('is restored if it is harmless, so that the refusals below mean something', async () => {
    await writeArchive([file('a.txt'), link('link', '/etc'), link('z', 'a.txt', '1')]);
    const restored = await run(
      'restore',
      'run',
      id,
      ...where(folder),
      '--files',
      tree,
      '--only',
      'files',
      '--confirm',
      'tree',
    );
    // Only root can give the entries their owner back; what could not be restored is reported.
    expect(restored.exitCode, restored.stderr).toBe(process.geteuid?.() === 0 ? 0 : 3);
    expect(await readFile(path.join(tree, 'z'), 'utf8')).toBe('pwned\n');
  });

  test.each<[string, readonly Hostile[]]>([
    ['a name with ..', [file('../evil')]],
    ['a name with .. further down', [file('a/../../evil')]],
    ['an absolute name', [file('/tmp/evil')]],
    ['a name with .. that the list does not tell', [file('../evil', { path: 'evil' })]],
    ['an absolute name that the list does not tell', [file('/tmp/evil', { path: 'evil' })]],
    ['a file behind a link that leaves the tree', [link('out', '..'), file('out/evil')]],
    [
      'a file behind a link that the list calls a directory',
      [{ ...link('out', '..'), listed: { type: 'directory', target: undefined } }, file('out/evil')],
    ],
    ['a hard link to a file of the system', [link('passwd', '/etc/passwd', '1')]],
    ['a hard link that leaves the tree', [link('passwd', '../../etc/passwd', '1')]],
    [
      'a hard link that the list does not tell',
      [file('a'), { ...link('b', '/etc/passwd', '1'), listed: { target: 'a' } }],
    ],
    ['a device', [{ member: { name: 'dev', flag: '3' } }]],
    ['the same name twice', [file('a'), file('a')]],
    ['a member more than the list', [file('a'), file('b'), file('c', { path: 'b' })]],
    [
      'a name with a pax record that leads out',
      [{ member: { name: 'a', content: DATA, records: { path: '../evil' } } }],
    ],
    [
      'a pax record that moves all that follows',
      [{ member: { name: 'a', content: DATA, records: { 'GNU.volume.label': '../' } } }],
    ],
  ])('is not extracted with %s', async (_, hostile) => {
    await writeArchive(hostile);
    await expectNothingRestored('E_BACKUP_CORRUPT', ['--only', 'files', '--confirm', 'tree']);

    for (const evil of [path.join(folder, 'evil'), path.join(path.dirname(folder), 'evil')]) {
      expect(existsSync(evil)).toBe(false);
    }
  });
});
