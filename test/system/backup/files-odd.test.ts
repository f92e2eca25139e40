import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { expect, test } from 'vitest';
import { checkArchive } from '../../../src/archive/check.js';
import { readList } from '../../../src/archive/list.js';
import { markName, markText } from '../../../src/archive/restore-folders.js';
import { begin, everything, type Place, place, request, thereAndBack } from '../../support/files.js';
import { tarOf } from '../../support/tar-writer.js';

const isRoot = process.getuid?.() === 0;
const bytes = (at: Place, ...name: readonly number[]): Buffer =>
  Buffer.concat([Buffer.from(`${at.tree}/`), Buffer.from(name)]);

async function expectEqual(at: Place) {
  const { part, problems, was, by, plain } = await thereAndBack(at);
  expect(part.incomplete).toEqual([]);
  expect(problems).toEqual([]);
  expect(by.lines).toEqual(was.lines);
  expect(by.sha256).toBe(was.sha256);
  expect(plain.lines).toEqual(was.lines);
  expect(plain.sha256).toBe(was.sha256);
  expect(await checkArchive(request(at, part))).toEqual([]);
  return part;
}

test('names with any bytes and any length are restored', async () => {
  const at = place();
  const names = [
    '-x',
    '--checkpoint-action=exec=sh',
    '-C x',
    ' a b ',
    'new\nline',
    'tab\t"quote"',
    'back\\slash\\n',
    '*?[a]',
    '@x',
  ];
  for (const name of [...names, 'é', '.hidden', '...', 'n'.repeat(255), 'x'.repeat(100), 'y'.repeat(101)]) {
    writeFileSync(`${at.tree}/${name}`, name);
  }
  writeFileSync(bytes(at, 0xff, 0xfe, 0x0a, 0x80), 'not UTF-8');
  mkdirSync(bytes(at, 0xe9));
  let deep = at.tree;
  for (let level = 0; level < 12; level += 1) deep += `/${String(level).repeat(99)}`;
  mkdirSync(deep, { recursive: true });
  writeFileSync(`${deep}/file`, 'deep');
  symlinkSync('t'.repeat(300), `${deep}/link`);
  linkSync(`${deep}/file`, `${deep}/hard`);

  const part = await expectEqual(at);

  expect(part).toMatchObject({ files: 18, directories: 13, symlinks: 1 });
});

test('modes, times, links, FIFOs and empty directories are restored', async () => {
  const at = place();
  mkdirSync(`${at.tree}/empty`);
  mkdirSync(`${at.tree}/sticky`);
  chmodSync(`${at.tree}/sticky`, 0o3775);
  writeFileSync(`${at.tree}/setuid`, '#!');
  chmodSync(`${at.tree}/setuid`, 0o6755);
  writeFileSync(`${at.tree}/empty-file`, '');
  if (isRoot) writeFileSync(`${at.tree}/locked`, 'x', { mode: 0o000 });
  symlinkSync('/nowhere/at/all', `${at.tree}/dangling`);
  symlinkSync('../../../etc/passwd', `${at.tree}/outside`);
  symlinkSync('loop', `${at.tree}/loop`);
  linkSync(`${at.tree}/loop`, `${at.tree}/loop-again`);
  linkSync(`${at.tree}/setuid`, `${at.tree}/sticky/linked`);
  execFileSync('mkfifo', [`${at.tree}/fifo`]);
  execFileSync('touch', ['-d', '1969-07-20 20:17:40.123456789 UTC', `${at.tree}/setuid`]);
  execFileSync('touch', ['-d', '2262-01-01 00:00:00.000000001 UTC', `${at.tree}/empty-file`]);
  lutimesSync(`${at.tree}/outside`, 1, 1);
  utimesSync(`${at.tree}/empty`, 1, 2);
  utimesSync(at.tree, 3, 4);

  const part = await expectEqual(at);

  const types = [];
  for await (const file of readList(at.folder, part)) types.push(file.type);
  expect(types.filter((type) => type === 'hardlink')).toHaveLength(2);
  expect(types.filter((type) => type === 'fifo')).toHaveLength(1);
});

test.skipIf(!isRoot)('owners are restored (as root)', async () => {
  const at = place();
  writeFileSync(`${at.tree}/theirs`, 'x');
  chownSync(`${at.tree}/theirs`, 12_345, 3_000_000_000);
  mkdirSync(`${at.tree}/folder`);
  chownSync(`${at.tree}/folder`, 65_534, 65_534);
  await expectEqual(at);
});

test('sparse files are restored sparse, with the hash of what an application reads', async () => {
  const at = place();
  execFileSync(
    'sh',
    ['-c', 'truncate -s 40M holes; printf x | dd of=holes bs=1 seek=20000000 conv=notrunc; truncate -s 5M hole'],
    {
      cwd: at.tree,
      stdio: 'ignore',
    },
  );
  const part = await expectEqual(at);
  expect(part.bytes).toBe(45 * 1024 * 1024);
  expect(
    Number(
      execFileSync('du', ['-k', `${at.into}/holes`])
        .toString()
        .split('\t')[0],
    ),
  ).toBeLessThan(1_000);
});

/** tar gives a tree its attributes: setfattr and setfacl are rarely installed. Did the file system take them? */
function plantAttributes(at: Place, records: Readonly<Record<string, string>>, proof: string): boolean {
  const input = tarOf({ name: 'with', content: Buffer.from('x'), records });
  execFileSync('tar', ['--xattrs', '--xattrs-include=*', '--acls', '-xf', '-'], { cwd: at.tree, input, stdio: 'pipe' });
  const back = execFileSync('tar', ['--format=posix', '--xattrs', '--acls', '-cf', '-', 'with'], { cwd: at.tree });
  return back.includes(proof, 0, 'latin1');
}

test('extended attributes are restored', async (context) => {
  const at = place();
  const value = 'v\nwith\0bytes\xff';
  const planted = plantAttributes(at, { 'SCHILY.xattr.user.potctl': value }, `user.potctl=${value}`);
  context.skip(!planted, 'this file system has no user attributes');
  await expectEqual(at);
});

test('ACLs are restored', async (context) => {
  const at = place();
  const acl = 'user::rw-,user:4321:r--,group::r--,mask::r--,other::---';
  const planted = plantAttributes(at, { 'SCHILY.acl.access': acl }, 'user:4321:r--');
  context.skip(!planted, 'this file system, or tar, has no ACLs');
  await expectEqual(at);
});

test('an empty tree makes a backup without files', async () => {
  const at = place();
  expect(await expectEqual(at)).toMatchObject({ files: 0, directories: 0, symlinks: 0, bytes: 0 });
});

test('excluded paths, sockets and devices are not backed up; sockets and devices are named', async () => {
  const at = place();
  mkdirSync(`${at.tree}/tmp`);
  for (const name of ['tmp/a', 'keep']) writeFileSync(`${at.tree}/${name}`, 'x');
  mkdirSync(`${at.tree}/.potctl-restore-1`);
  writeFileSync(`${at.tree}/${markName('1')}`, markText('1', false));
  if (isRoot) execFileSync('mknod', [`${at.tree}/null`, 'c', '1', '3']);
  const backup = await begin(at, { excludes: ['tmp/**'] });
  const part = await backup.secondPass();
  const paths = [];
  for await (const file of readList(at.folder, part)) paths.push(file.path);
  expect(paths).toEqual(['.', 'keep', 'tmp']);
  expect(part.skipped).toEqual(isRoot ? [{ path: 'null', reason: 'device' }] : []);
  expect(part.excludes).toEqual(['tmp/**']);
});

test('the root may be a symlink or a mount point', async () => {
  const at = place();
  writeFileSync(`${at.tree}/a`, 'x');
  symlinkSync(at.tree, `${at.plain}/link`);
  const part = await (await begin(at, { root: `${at.plain}/link` })).secondPass();
  expect(part.files).toBe(1);
  expect(everything(at.tree).lines).toHaveLength(3);
});
