import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  discardStaging,
  observeTree,
  prepareStaging,
  recoverTree,
  swapTree,
  undoTree,
} from '../../src/runs/tree/tree.js';
import { photograph, plantTree, removeFolder, scratchFolder } from '../support/file-tree.js';
import { inSweep } from '../support/sweep.js';
import { Crash, crashingDisk } from './crashing-disk.js';

type Decision = 'finish' | 'undo';
const T0 = 1_700_000_000;

vi.setConfig({ testTimeout: 60_000 });

let scratch: string;
let root: string;
let old: string[];
let fresh: string[];

beforeEach(() => {
  scratch = scratchFolder();
  root = path.join(scratch, 'storage');
});
afterEach(() => removeFolder(scratch));

/** A live tree and a staged one, with snapshots of what both should look like when live. */
async function stage(run = 'r1'): Promise<void> {
  removeFolder(root);
  fs.mkdirSync(root);
  plantTree(root, 'old', ['gone.txt']);
  const staging = await prepareStaging({ root, run, disk: crashingDisk().disk });
  plantTree(staging, 'new', ['arrived.txt']);
  fs.chmodSync(staging, 0o750);
  fs.chmodSync(root, 0o755);
  fs.utimesSync(staging, T0, T0);
  fs.utimesSync(root, T0 - 9, T0 - 9);
  old = photograph(root);
  fresh = photograph(staging);
}

/** The number of changes of a piece of work: the points at which it can die. */
async function countChanges(
  work: (disk: ReturnType<typeof crashingDisk>['disk']) => Promise<unknown>,
): Promise<number> {
  const { disk, changes } = crashingDisk();
  await work(disk);
  return changes();
}

async function dieAt(point: number, work: (disk: ReturnType<typeof crashingDisk>['disk']) => Promise<unknown>) {
  const { disk } = crashingDisk(point);
  await work(disk).catch((error: unknown) => {
    if (!(error instanceof Crash) && !(error instanceof Error && error.cause instanceof Crash)) throw error;
  });
}

const recover = (decision: Decision) => recoverTree({ root, decision, disk: crashingDisk().disk });
const swap = (disk: ReturnType<typeof crashingDisk>['disk']) => swapTree({ root, run: 'r1', disk });

test.each(['finish', 'undo'] as const)(
  'a swap that dies after any of its changes is completed by %s',
  async (decision) => {
    await stage();
    const points = await countChanges(swap);
    expect(points).toBeGreaterThan(30);
    for (let point = 0; point < points; point += 1) {
      await stage();
      await dieAt(point, swap);
      const outcome = await recover(decision);
      // Before the journal, nothing has started; after its last line, nothing is left to do.
      const wholly =
        outcome === 'nothing' ? (fs.existsSync(path.join(root, '.potctl-before-r1')) ? 'new' : 'old') : outcome;
      const exact = outcome === 'nothing' ? withoutRootTime : (lines: string[]) => lines;
      const wanted = wholly === 'finished' || wholly === 'new' ? fresh : old;
      expect([point, exact(photograph(root))]).toEqual([point, exact(wanted)]);
      if (outcome !== 'nothing') expect(outcome).toBe(decision === 'finish' ? 'finished' : 'undone');
      if (outcome === 'finished')
        expect(withoutRoot(photograph(path.join(root, '.potctl-before-r1')))).toEqual(withoutRoot(old));
      expect(await recover(decision)).toBe('nothing');
    }
  },
);

test('a recovery that dies is recovered again, whatever was decided before', async () => {
  const choice = fc.record({
    first: fc.nat(60),
    second: fc.nat(60),
    decided: fc.constantFrom<Decision>('finish', 'undo'),
    redecided: fc.constantFrom<Decision>('finish', 'undo'),
  });
  await fc.assert(
    fc.asyncProperty(choice, async ({ first, second, decided, redecided }) => {
      await stage();
      await dieAt(first, swap);
      await dieAt(second, (disk) => recoverTree({ root, decision: decided, disk }));
      const outcome = await recover(redecided);
      const now = photograph(root);
      if (outcome === 'finished') expect(now).toEqual(fresh);
      else if (outcome === 'undone') expect(now).toEqual(old);
      else expect([old, fresh].map(withoutRootTime)).toContainEqual(withoutRootTime(now));
      expect((await observeTree({ root })).unfinished).toBeNull();
    }),
    { seed: 20261122, numRuns: inSweep ? 250 : 60 },
  );
});

test('an undo that dies after any of its changes leaves the tree completely old or completely new', async () => {
  const undo = (disk: ReturnType<typeof crashingDisk>['disk']) => undoTree({ root, run: 'r1', undoRun: 'u1', disk });
  await stage();
  await swap(crashingDisk().disk);
  const points = await countChanges(undo);
  for (let point = 0; point < points; point += 1) {
    for (const decision of ['finish', 'undo'] as const) {
      await stage();
      await swap(crashingDisk().disk);
      await dieAt(point, undo);
      const outcome = await recover(decision);
      if (outcome === 'nothing') {
        expect([old, fresh].map(withoutRootTime)).toContainEqual(withoutRootTime(photograph(root)));
      } else expect([point, photograph(root)]).toEqual([point, outcome === 'finished' ? old : fresh]);
      if (outcome === 'undone') await undo(crashingDisk().disk);
      if (outcome !== 'nothing') expect(photograph(root)).toEqual(old);
    }
  }
});

test('a failure without a crash rolls the tree back and reports that nothing was changed', async () => {
  await stage();
  const { disk } = crashingDisk();
  let renames = 0;
  const failing = {
    ...disk,
    link: (...args: Parameters<typeof disk.link>) => {
      renames += 1;
      if (renames === 9) throw Object.assign(new Error('EIO: disk on fire'), { code: 'EIO', errno: -5 });
      disk.link(...args);
    },
  };
  await expect(swapTree({ root, run: 'r1', disk: failing })).rejects.toMatchObject({
    code: 'E_IO',
    changed: 'nothing',
  });
  expect(photograph(root)).toEqual(old);
  await discardStaging({ root, run: 'r1' });
  expect(fs.readdirSync(root).filter((name) => name.startsWith('.potctl-restore'))).toEqual([]);
});

/** The root's own mtime may be one change behind if the process died between that change and setting it. */
const withoutRootTime = (lines: readonly string[]): string[] =>
  lines.map((text) => text.replace(/^(\. \d+ \d+) \d+/, '$1'));
const withoutRoot = (lines: readonly string[]): string[] => lines.filter((text) => !text.startsWith('. '));
