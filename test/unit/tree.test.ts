import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realDisk, type TreeDisk } from '../../src/runs/tree/disk.js';
import {
  discardStaging,
  observeTree,
  prepareStaging,
  recoverTree,
  swapTree,
  undoTree,
} from '../../src/runs/tree/tree.js';
import { photograph, plantTree, removeFolder, scratchFolder } from '../support/file-tree.js';

let scratch: string;
let root: string;

beforeEach(() => {
  scratch = scratchFolder();
  root = path.join(scratch, 'storage');
});
afterEach(() => removeFolder(scratch));

const kept = (run: string): string => path.join(root, `.potctl-before-${run}`);
const own = (): string[] => fs.readdirSync(root).filter((name) => name.startsWith('.potctl-'));
const quick = (): TreeDisk => ({ ...realDisk(), flush: async () => {} });

/** A live tree and a staged one, with snapshots of both. */
async function staged(run = 'r1'): Promise<{ old: string[]; fresh: string[] }> {
  fs.mkdirSync(root);
  plantTree(root, 'old');
  fs.utimesSync(root, 1_600_000_000, 1_600_000_000.25);
  return { old: photograph(root), fresh: await restage(run, 'new') };
}

async function restage(run: string, mark: string): Promise<string[]> {
  const staging = await prepareStaging({ root, run });
  plantTree(staging, mark);
  fs.chmodSync(staging, 0o2750);
  fs.utimesSync(staging, 1_700_000_000, 1_700_000_000.5);
  return photograph(staging);
}

test('the root keeps its inode and gets the mode and mtime of the backup', async () => {
  const { fresh } = await staged();
  const inode = fs.statSync(root).ino;
  expect(await swapTree({ root, run: 'r1' })).toEqual({ kept: kept('r1') });
  expect(fs.statSync(root).ino).toBe(inode);
  expect(photograph(root)).toEqual(fresh);
  expect(fs.statSync(root).mode & 0o7777).toBe(0o2750);
});

test('a root without recorded attributes stays unchanged', async () => {
  fs.mkdirSync(root, { mode: 0o711 });
  fs.writeFileSync(path.join(await prepareStaging({ root, run: 'r1' }), 'a'), '1');
  await swapTree({ root, run: 'r1', disk: quick() });
  expect(fs.statSync(root).mode & 0o7777).toBe(0o711);
});

test('staging folder and kept folder are readable only by their owner', async () => {
  fs.mkdirSync(root, { mode: 0o777 });
  const staging = await prepareStaging({ root, run: 'r1' });
  expect(fs.statSync(staging).mode & 0o077).toBe(0);
  await swapTree({ root, run: 'r1', disk: quick() });
  expect(fs.statSync(kept('r1')).mode & 0o077).toBe(0);
});

test('undo restores the old tree with its root, keeps the newer one, and can itself be undone', async () => {
  const { old } = await staged();
  await swapTree({ root, run: 'r1', disk: quick() });
  fs.writeFileSync(path.join(root, 'written-since'), 'worth keeping');
  const since = photograph(root);
  await undoTree({ root, run: 'r1', undoRun: 'u1', disk: quick() });
  expect(photograph(root)).toEqual(old);
  expect(fs.readFileSync(path.join(kept('u1'), 'written-since'), 'utf8')).toBe('worth keeping');
  await undoTree({ root, run: 'u1', undoRun: 'u2', disk: quick() });
  expect(photograph(root)).toEqual(since);
  await undoTree({ root, run: 'u2', undoRun: 'u3', disk: quick() });
  expect(photograph(root)).toEqual(old);
  expect(own().sort()).toEqual(['.potctl-before-u3', '.potctl-swap-u3.ndjson']);
});

test('two restores in a row can be undone one after the other', async () => {
  const { old, fresh } = await staged();
  await swapTree({ root, run: 'r1', disk: quick() });
  await restage('r2', 'newer');
  await swapTree({ root, run: 'r2', disk: quick() });
  await undoTree({ root, run: 'r2', undoRun: 'u2', disk: quick() });
  expect(photograph(root)).toEqual(fresh);
  await undoTree({ root, run: 'r1', undoRun: 'u1', disk: quick() });
  expect(photograph(root)).toEqual(old);
});

test('a run that kept nothing cannot be undone', async () => {
  await staged();
  await expect(undoTree({ root, run: 'r1', undoRun: 'u1' })).rejects.toMatchObject({ code: 'E_RUN_NOT_FOUND' });
  await expect(undoTree({ root: `${root}/none`, run: 'r1', undoRun: 'u1' })).rejects.toMatchObject({
    code: 'E_RUN_NOT_FOUND',
  });
});

test('a missing tree is created with its parents, and undo removes it and brings it back', async () => {
  root = path.join(scratch, 'lost', 'storage');
  const fresh = await restage('r1', 'new');
  await swapTree({ root, run: 'r1', disk: quick() });
  expect(photograph(root)).toEqual(fresh);
  expect(own().filter((name) => name.startsWith('.potctl-run'))).toEqual([]);
  const { kept: beside } = await undoTree({ root, run: 'r1', undoRun: 'u1', disk: quick() });
  expect(fs.existsSync(root)).toBe(false);
  expect(beside).toBe(`${root}.potctl-before-u1`);
  expect(await observeTree({ root })).toMatchObject({ exists: false, beforeFolders: [{ run: 'u1', path: beside }] });
  await undoTree({ root, run: 'u1', undoRun: 'u2', disk: quick() });
  expect(photograph(root)).toEqual(fresh);
  await undoTree({ root, run: 'u2', undoRun: 'u3', disk: quick() });
  expect(fs.existsSync(root)).toBe(false);
});

test('the undo of an undo does not overwrite a tree that was recreated meanwhile', async () => {
  await restage('r1', 'new');
  await swapTree({ root, run: 'r1', disk: quick() });
  await undoTree({ root, run: 'r1', undoRun: 'u1', disk: quick() });
  fs.mkdirSync(root);
  fs.writeFileSync(path.join(root, 'fresh-upload'), 'x');
  await expect(undoTree({ root, run: 'u1', undoRun: 'u2' })).rejects.toMatchObject({ code: 'E_REFUSED' });
  expect(fs.readdirSync(root)).toEqual(['fresh-upload']);
});

test('discarding removes the staged files and a root that was created for them, and leaves the live tree alone', async () => {
  const { old } = await staged();
  await discardStaging({ root, run: 'r1' });
  expect(photograph(root)).toEqual(old);
  expect(own()).toEqual([]);
  await discardStaging({ root, run: 'r1' });
  const made = path.join(scratch, 'made');
  await prepareStaging({ root: made, run: 'r2' });
  await discardStaging({ root: made, run: 'r2' });
  expect(fs.existsSync(made)).toBe(false);
});

test('the observation has entries, kept folders and stagings', async () => {
  await staged();
  expect(await observeTree({ root })).toMatchObject({
    exists: true,
    beforeFolders: [],
    stagings: ['r1'],
    unfinished: null,
  });
  await swapTree({ root, run: 'r1', disk: quick() });
  const { entries, beforeFolders, stagings, nestedMounts } = await observeTree({ root });
  expect({ entries, beforeFolders, stagings, nestedMounts }).toEqual({
    entries: fs.readdirSync(root).length - 2,
    beforeFolders: [{ run: 'r1', path: kept('r1') }],
    stagings: [],
    nestedMounts: [],
  });
});

test('recovery of a tree without an interrupted swap does nothing', async () => {
  expect(await recoverTree({ root, decision: 'finish' })).toBe('nothing');
  const { fresh } = await staged();
  await swapTree({ root, run: 'r1', disk: quick() });
  expect(await recoverTree({ root, decision: 'undo' })).toBe('nothing');
  expect(photograph(root)).toEqual(fresh);
});
