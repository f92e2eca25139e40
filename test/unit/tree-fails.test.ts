import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fromErrno, PotctlError } from '../../src/kernel/errors.js';
import type { TreeDisk } from '../../src/runs/tree/disk.js';
import { observeTree, prepareStaging, recoverTree, swapTree, undoTree } from '../../src/runs/tree/tree.js';
import { photograph, plantTree, removeFolder, scratchFolder } from '../support/file-tree.js';
import { crashingDisk } from './crashing-disk.js';

const T0 = 1_700_000_000;

vi.setConfig({ testTimeout: 60_000 });

let scratch: string;
let root: string;

beforeEach(() => {
  scratch = scratchFolder();
  root = path.join(scratch, 'storage');
});
afterEach(() => removeFolder(scratch));

/** The real disk, on which the `nth` call fails once; counted from 1, over all kinds of calls. */
function failingDisk(nth: number): { readonly disk: TreeDisk; calls(): number } {
  let calls = 0;
  const real = crashingDisk().disk;
  const disk = Object.fromEntries(
    Object.entries(real).map(([name, call]) => [
      name,
      (...args: never[]) => {
        calls += 1;
        if (calls === nth) throw Object.assign(new Error(`EIO: ${name} on fire`), { code: 'EIO', errno: -5 });
        return (call as (...all: never[]) => unknown)(...args);
      },
    ]),
  ) as unknown as TreeDisk;
  return { disk, calls: () => calls };
}

/** A live tree and another one staged for the run `r1`, with snapshots of both. */
async function stage(): Promise<{ readonly old: string[]; readonly fresh: string[] }> {
  removeFolder(root);
  for (const name of fs.readdirSync(scratch)) removeFolder(path.join(scratch, name));
  fs.mkdirSync(root);
  plantTree(root, 'old', ['gone.txt']);
  const staging = await prepareStaging({ root, run: 'r1', disk: crashingDisk().disk });
  plantTree(staging, 'new', ['arrived.txt']);
  fs.chmodSync(staging, 0o750);
  fs.utimesSync(staging, T0, T0);
  fs.utimesSync(root, T0 - 9, T0 - 9);
  return { old: photograph(root), fresh: photograph(staging) };
}

const swap = (disk: TreeDisk) => swapTree({ root, run: 'r1', disk });
const undo = (disk: TreeDisk) => undoTree({ root, run: 'r1', undoRun: 'u1', disk });

/** Success means the new tree; an error means the earlier one, immediately or after rolling back the interrupted swap. */
async function check(nth: number, work: Promise<unknown>, before: string[], after: string[]): Promise<void> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error !== null) {
    expect([nth, fromErrno(error, 'go on')]).toEqual([nth, expect.any(PotctlError)]);
    await recoverTree({ root, decision: 'undo' });
  }
  const wanted = error === null ? after : before;
  expect([nth, error === null, withoutRootTime(photograph(root))]).toEqual([
    nth,
    error === null,
    withoutRootTime(wanted),
  ]);
  expect([nth, await observeTree({ root })]).toMatchObject([nth, { unfinished: null }]);
  expect([nth, fs.readdirSync(root).filter((name) => name.endsWith('.tmp'))]).toEqual([nth, []]);
}

/** If only the very last update of the root failed, its mtime is the current time. */
const withoutRootTime = (lines: readonly string[]): string[] =>
  lines.map((text) => text.replace(/^(\. \d+ \d+) \d+/, '$1'));

test('a swap in which any single call fails is either completed, or rolled back and reported', async () => {
  await stage();
  const { disk, calls } = failingDisk(0);
  await swap(disk);
  expect(calls()).toBeGreaterThan(60);
  for (let nth = 1; nth <= calls(); nth += 1) {
    const { old, fresh } = await stage();
    await check(nth, swap(failingDisk(nth).disk), old, fresh);
  }
});

test('an undo in which any single call fails is either completed, or rolled back and reported', async () => {
  await stage();
  await swap(crashingDisk().disk);
  const { disk, calls } = failingDisk(0);
  await undo(disk);
  for (let nth = 1; nth <= calls(); nth += 1) {
    const { old, fresh } = await stage();
    await swap(crashingDisk().disk);
    await check(nth, undo(failingDisk(nth).disk), fresh, old);
  }
});

test('the undo of a restore that created the root leaves it in place if any single call fails', async () => {
  const lose = async (): Promise<string[]> => {
    for (const name of fs.readdirSync(scratch)) removeFolder(path.join(scratch, name));
    plantTree(await prepareStaging({ root, run: 'r1', disk: crashingDisk().disk }), 'new');
    await swap(crashingDisk().disk);
    return photograph(root);
  };
  await lose();
  const { disk, calls } = failingDisk(0);
  await undo(disk);
  for (let nth = 1; nth <= calls(); nth += 1) {
    const fresh = await lose();
    const gone = await undo(failingDisk(nth).disk).then(Boolean, () => false);
    expect([nth, photograph(root)]).toEqual([nth, gone ? [] : fresh]);
  }
});
