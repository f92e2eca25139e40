import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareWalk, display, fromText, isInside } from '../../src/archive/byte-path.js';
import { estimateTree } from '../../src/archive/estimate.js';
import { markName, markText } from '../../src/archive/restore-folders.js';
import { openTree } from '../../src/archive/tree.js';
import { createExclusion, walk } from '../../src/archive/walk.js';
import { identityOf } from '../../src/storage/place.js';
import { place } from '../support/files.js';

const signal = new AbortController().signal;

async function pathsOf(root: string, excludes: readonly string[] = []) {
  const [paths, skipped, unreadable]: [string[], string[], string[]] = [[], [], []];
  await walk({
    tree: openTree(root),
    excludes,
    signal,
    entry: ({ path }) => void paths.push(path),
    skipped: (path, reason) => void skipped.push(`${reason} ${path}`),
    unreadable: (path) => void unreadable.push(path),
  });
  return { paths, skipped, unreadable };
}

test('a directory comes before what is in it, and names are sorted by their bytes', async () => {
  const { tree } = place();
  for (const folder of ['a', 'a-b', 'b/c']) mkdirSync(`${tree}/${folder}`, { recursive: true });
  for (const file of ['a/x', 'a/Z', 'a.b', 'a-b/y', 'é', 'b/c/d']) writeFileSync(`${tree}/${file}`, '');
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff])]), '');

  const { paths } = await pathsOf(tree);

  expect(paths).toEqual(['', 'a', 'a/Z', 'a/x', 'a-b', 'a-b/y', 'a.b', 'b', 'b/c', 'b/c/d', fromText('é'), '\xff']);
  expect([...paths].sort(compareWalk)).toEqual(paths);
});

test('the walk order is a total order', () => {
  const path = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '.', '-', '\xff'), minLength: 1 }), {
    minLength: 1,
  });
  const bySegments = (a: string[], b: string[]): number => {
    const index = a.findIndex((segment, at) => segment !== b[at]);
    if (index < 0) return a.length - b.length;
    return b[index] === undefined ? 1 : a[index]! < b[index] ? -1 : 1;
  };
  fc.assert(
    fc.property(path, path, (a, b) => {
      expect(Math.sign(compareWalk(a.join('/'), b.join('/')))).toBe(Math.sign(bySegments(a, b)));
    }),
    { seed: 3 },
  );
});

test('symlinks and loops are never followed, except a root that is a symlink', async () => {
  const { tree, plain } = place();
  mkdirSync(`${tree}/d`);
  symlinkSync('..', `${tree}/d/loop`);
  symlinkSync('/etc', `${tree}/etc`);
  symlinkSync(tree, `${plain}/root`);

  expect((await pathsOf(`${plain}/root`)).paths).toEqual(['', 'd', 'd/loop', 'etc']);
});

test('sockets and devices are named, FIFOs are entries', async () => {
  const { tree } = place();
  execFileSync('mkfifo', [`${tree}/fifo`]);
  const net = await import('node:net');
  const server = net.createServer().listen(`${tree}/socket`);
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    expect(await pathsOf(tree)).toEqual({ paths: ['', 'fifo'], skipped: ['socket socket'], unreadable: [] });
  } finally {
    server.close();
  }
});

test.each([
  ['a missing root', 'missing', 'E_FILES_MISSING'],
  ['a root that is a file', 'file', 'E_FILES_MISSING'],
  ['a root below a file', 'file/below', 'E_FILES_MISSING'],
  ['a root that is a loop', 'loop', 'E_FILES_MISSING'],
])('%s is an error, not an empty tree', async (_, name, code) => {
  const { plain } = place();
  writeFileSync(`${plain}/file`, '');
  symlinkSync('loop', `${plain}/loop`);
  await expect(estimateTree({ root: `${plain}/${name}`, excludes: [], signal })).rejects.toMatchObject({ code });
});

test('the estimate counts files and their bytes on disk', async () => {
  const { tree } = place();
  writeFileSync(`${tree}/a`, 'x'.repeat(5_000));
  writeFileSync(`${tree}/b`, '');
  symlinkSync('a', `${tree}/l`);
  execFileSync('truncate', ['-s', '1G', `${tree}/holes`]);
  const estimate = await estimateTree({ root: tree, excludes: [], signal });
  expect(estimate.files).toBe(3);
  expect(estimate.bytes).toBeGreaterThanOrEqual(5_000);
  expect(estimate.bytes).toBeLessThan(1e6);
});

test('an abort stops a walk', async () => {
  const { tree } = place();
  for (const name of ['a', 'b', 'c']) mkdirSync(`${tree}/${name}`);
  const stop = new AbortController();
  const passed: string[] = [];
  const entry = ({ path }: { readonly path: string }): void => {
    passed.push(path);
    stop.abort(new Error('enough'));
    for (const until = performance.now() + 50; performance.now() < until; );
  };
  const walking = walk({
    tree: openTree(tree),
    excludes: [],
    signal: stop.signal,
    entry,
    skipped() {},
    unreadable() {},
  });
  await expect(walking).rejects.toThrow('enough');
  expect(passed).toEqual(['', 'a']);
});

describe('exclusion', () => {
  test.each([
    ['tmp/**', ['tmp/a', 'tmp/a/b', 'tmp/.hidden', 'tmp/new\nline'], ['tmp', 'a/tmp/b', 'tmpx']],
    ['cache', ['cache'], ['a/cache', 'cache.d']],
    ['**/*.tmp', ['a.tmp', 'a/b.tmp', '.a.tmp'], ['a.tmp.gz', 'tmp']],
    ['./logs/*.log', ['logs/a.log'], ['logs/a/b.log']],
    ['/logs', ['logs'], ['a/logs']],
    ['prüfung/*', [fromText('prüfung/é')], [fromText('prufung/x')]],
    ['!keep', ['!keep'], ['keep', 'other']],
  ])('%s', (glob, out, kept) => {
    const excluded = createExclusion([glob]);
    expect(out.filter((path) => !excluded(path))).toEqual([]);
    expect(kept.filter((path) => excluded(path))).toEqual([]);
  });
});

describe('what restores keep at the top of a tree is recognized by its content', () => {
  test('a mark or a journal identifies a run, and its folders and files are excluded', async () => {
    const { tree } = place();
    const plan = '{"format":1,"run":"r2","of":null}\n';
    for (const folder of ['restore-r1', 'before-r1-late', 'before-r2', 'pruned-r2'])
      mkdirSync(`${tree}/.potctl-${folder}`);
    writeFileSync(`${tree}/${markName('r1')}`, markText('r1', false));
    writeFileSync(`${tree}/.potctl-swap-r2.ndjson`, plan);
    writeFileSync(`${tree}/.potctl-swap-r2.ndjson.tmp`, plan.slice(0, 25));
    writeFileSync(`${tree}/a`, '');

    expect(await pathsOf(tree)).toEqual({ paths: ['', 'a'], skipped: [], unreadable: [] });
  });

  test('a name alone excludes nothing', async () => {
    const { tree } = place();
    const files = ['notes', 'run-x.json', 'swap-x.ndjson', 'swap-x.ndjson.tmp', 'created-x'];
    const folders = ['before-launch', 'restore-2', 'pruned-x', 'late-1'];
    for (const file of files) writeFileSync(`${tree}/.potctl-${file}`, '{"run":"y"}');
    for (const folder of folders) mkdirSync(`${tree}/.potctl-${folder}`);

    const paths = [...files, ...folders].map((name) => `.potctl-${name}`).sort();
    expect(await pathsOf(tree)).toEqual({ paths: ['', ...paths], skipped: [], unreadable: [] });
  });

  test('content of other folders is never excluded', async () => {
    const { tree } = place();
    mkdirSync(`${tree}/a/.potctl-before-r1`, { recursive: true });
    writeFileSync(`${tree}/a/${markName('r1')}`, markText('r1', false));

    expect((await pathsOf(tree)).paths).toHaveLength(4);
  });
});

test('a forbidden folder stops the walk wherever it is, recognized by device and inode', async () => {
  const { tree } = place();
  mkdirSync(`${tree}/deep/backups`, { recursive: true });
  const refused = new Set([identityOf(statSync(`${tree}/deep/backups`, { bigint: true }))]);
  const walked = walk({
    tree: openTree(tree),
    excludes: [],
    signal,
    refused,
    entry() {},
    skipped() {},
    unreadable() {},
  });

  await expect(walked).rejects.toMatchObject({ code: 'E_REFUSED', message: expect.stringContaining('deep/backups') });
});

test('only paths that stay in the tree count as inside', () => {
  for (const path of ['a', 'a/b', '...', 'a/..b', '-x', '\n', '\xff', ' ']) expect(isInside(path)).toBe(true);
  for (const path of ['', '/', '/a', 'a/', '..', 'a/..', '../a', 'a/../b', '.', './a', 'a//b', 'a\0b']) {
    expect(isInside(path)).toBe(false);
  }
});

test('a name that is not UTF-8 can be displayed', () => {
  expect([display(''), display(fromText('é')), display('a\xff')]).toEqual(['.', 'é', 'a\\xff']);
});
