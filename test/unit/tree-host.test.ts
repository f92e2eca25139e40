import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { applyAttributes, readAttributes } from '../../src/runs/tree/attributes.js';
import { photograph, plantTree, removeFolder, scratchFolder } from '../support/file-tree.js';
import { bundleTree, runTreeProcess } from './tree-process.js';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
const environment = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' };

let scratch: string;
let bundles: string;
let bundle: string;

beforeAll(async () => {
  bundles = scratchFolder();
  fs.chmodSync(bundles, 0o755);
  bundle = await bundleTree(bundles);
});
afterAll(() => removeFolder(bundles));
beforeEach(() => {
  scratch = scratchFolder();
});
afterEach(() => removeFolder(scratch));

/** Whether a private mount works here. A container may deny it even to root. */
const mayMount = isRoot && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

describe.skipIf(!mayMount)('mount points (needs root and mount(2))', () => {
  const inside = (mounts: string, body: string) =>
    runTreeProcess(bundle, body, { wrap: ['unshare', '-m', 'sh', '-c', `${mounts} && exec "$0" "$@"`] });

  test('a root that is a bind mount is swapped, and its source shows the new tree', () => {
    const [root, bound] = [path.join(scratch, 'storage'), path.join(scratch, 'volume')];
    for (const folder of [root, bound]) fs.mkdirSync(folder);
    fs.writeFileSync(path.join(bound, 'a'), 'old');
    const body = `
      import fs from 'node:fs';
      const at = { root: '${root}', run: 'r1' };
      fs.writeFileSync(await tree.prepareStaging(at) + '/a', 'new');
      await tree.swapTree(at);
      await tree.undoTree({ ...at, undoRun: 'u1' });
      await tree.undoTree({ root: at.root, run: 'u1', undoRun: 'u2' });`;
    expect(inside(`mount --bind ${bound} ${root}`, body)).toMatchObject({ status: 0, stderr: '' });
    expect(fs.readFileSync(path.join(bound, 'a'), 'utf8')).toBe('new');
    expect(fs.readFileSync(path.join(bound, '.potctl-before-u2', 'a'), 'utf8')).toBe('old');
  });

  test('lost+found of a mounted file system stays in place', () => {
    const root = path.join(scratch, 'storage');
    fs.mkdirSync(root);
    const body = `
      import fs from 'node:fs';
      const at = { root: '${root}', run: 'r1' };
      fs.mkdirSync(at.root + '/lost+found', { mode: 0o700 });
      const { ino } = fs.statSync(at.root + '/lost+found');
      fs.mkdirSync(await tree.prepareStaging(at) + '/lost+found');
      await tree.swapTree(at);
      console.log(fs.statSync(at.root + '/lost+found').ino === ino, fs.readdirSync(at.root + '/.potctl-before-r1'));`;
    expect(inside(`mount -t tmpfs none ${root}`, body)).toMatchObject({ status: 0, stdout: 'true []\n' });
  });

  test('mount points below the root are reported at any depth, even with odd names, and block the swap', () => {
    const below = path.join(scratch, 'storage', 'deep', 'odd name\\');
    fs.mkdirSync(below, { recursive: true });
    const root = path.join(scratch, 'storage');
    const body = `
      import fs from 'node:fs';
      const at = { root: '${root}', run: 'r1' };
      console.log(JSON.stringify((await tree.observeTree(at)).nestedMounts));
      await tree.prepareStaging(at).catch((error) => console.log(error.code, error.changed));
      fs.mkdirSync(at.root + '/.potctl-restore-r1');
      await tree.swapTree(at).catch((error) => console.log(error.code, error.changed));`;
    const { stdout } = inside(`mount --bind ${bundles} '${below}'`, body);
    expect(stdout).toBe(`${JSON.stringify([below])}\nE_BLOCKED nothing\nE_BLOCKED nothing\n`);
  });
});

test('a plain user swaps and undoes a tree with read-only directories and files of mode 0000', () => {
  const root = path.join(scratch, 'storage');
  fs.chmodSync(scratch, 0o755);
  fs.mkdirSync(root);
  plantTree(root, 'old');
  fs.mkdirSync(path.join(scratch, 'new'));
  plantTree(path.join(scratch, 'new'), 'new');
  fs.chmodSync(path.join(scratch, 'new', 'read-only'), 0o500);
  if (isRoot) spawnSync('chown', ['-R', '-h', `${NOBODY}:${NOBODY}`, scratch]);
  const old = photograph(root);
  const body = `
    import fs from 'node:fs';
    const at = { root: '${root}', run: 'r1' };
    const staging = await tree.prepareStaging(at);
    for (const name of ['plain.txt', 'locked.bin', 'read-only', 'uploads']) {
      const [from, to] = ['${scratch}/new/' + name, staging + '/' + name];
      const { mode } = fs.lstatSync(from);
      if (name === 'read-only') fs.chmodSync(from, 0o700);
      fs.renameSync(from, to);
      if (name === 'read-only') fs.chmodSync(to, mode);
    }
    fs.chmodSync(staging, 0o555);
    await tree.swapTree(at);
    console.log((fs.statSync(at.root).mode & 0o7777).toString(8), fs.existsSync(at.root + '/only-old'));
    console.log((fs.statSync(at.root + '/read-only').mode & 0o7777).toString(8));
    await tree.discardStaging({ root: at.root, run: (await tree.prepareStaging({ ...at, run: 'r2' })) && 'r2' });
    await tree.undoTree({ ...at, undoRun: 'u1' });`;
  const { status, stdout, stderr } = runTreeProcess(bundle, body, isRoot ? { uid: NOBODY } : {});
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '555 false\n500\n', stderr: '' });
  expect(photograph(root)).toEqual(old);
});

test('a plain user removes staged files even from read-only directories', () => {
  const root = path.join(scratch, 'storage');
  fs.chmodSync(scratch, 0o755);
  fs.mkdirSync(root);
  if (isRoot) fs.chownSync(root, NOBODY, NOBODY);
  const body = `
    import fs from 'node:fs';
    const at = { root: '${root}', run: 'r1' };
    const inner = await tree.prepareStaging(at) + '/read-only/below';
    fs.mkdirSync(inner, { recursive: true });
    fs.writeFileSync(inner + '/file', '');
    for (const folder of [inner, inner + '/..']) fs.chmodSync(folder, 0o500);
    await tree.discardStaging(at);
    console.log(fs.readdirSync(at.root));`;
  const { status, stdout, stderr } = runTreeProcess(bundle, body, isRoot ? { uid: NOBODY } : {});
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '[]\n', stderr: '' });
});

test('the attributes of a folder are restored with nanoseconds and extended attributes', async () => {
  const [from, to] = [path.join(scratch, 'from'), path.join(scratch, 'to')];
  for (const folder of [from, to]) fs.mkdirSync(folder);
  fs.chmodSync(from, 0o3751);
  spawnSync('touch', ['-d', '2021-02-03T04:05:06.123456789Z', from]);
  await applyAttributes(from, withExtendedAttribute('user.colour', 'blue'), environment);
  const attributes = await readAttributes(from, environment);
  expect(Buffer.from(attributes, 'base64').toString('latin1')).toContain('SCHILY.xattr.user.colour=blue');
  await applyAttributes(to, attributes, environment);
  expect(await readAttributes(to, environment)).toBe(attributes);
});

/** A tar that contains only an extended attribute of a folder. Node cannot set one. */
function withExtendedAttribute(name: string, value: string): string {
  const tail = ` SCHILY.xattr.${name}=${value}\n`;
  const record = `${tail.length + 2}${tail}`;
  const body = Buffer.alloc(512);
  body.write(record);
  const folder = header('./', '5', 0, '0003751');
  return Buffer.concat([header('x', 'x', record.length, '0000644'), body, folder, Buffer.alloc(1024)]).toString(
    'base64',
  );
}

function header(name: string, type: string, size: number, mode: string): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write(`${mode}\0`, 100);
  block.write('0000000\x000000000\0', 108);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0        ', 136);
  block.write(type, 156);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
