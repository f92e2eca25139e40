import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realDisk, type TreeDisk } from '../../src/runs/tree/disk.js';
import { prepareStaging, swapTree, undoTree } from '../../src/runs/tree/tree.js';
import { removeFolder, scratchFolder } from '../support/file-tree.js';
import { type WatchedDisk, watchDisk } from './watched-disk.js';

let scratch: string;
let root: string;
beforeEach(() => {
  scratch = fs.realpathSync(scratchFolder());
  root = path.join(scratch, 'storage');
  fs.mkdirSync(root);
});
afterEach(() => removeFolder(scratch));

const names = (): string[] =>
  fs
    .readdirSync(root)
    .filter((name) => !name.startsWith('.'))
    .sort();

/** A live tree and a staged one, whose files have not reached the disk. */
async function staged(): Promise<WatchedDisk> {
  const watched = watchDisk(scratch);
  for (const name of ['old-1', 'old-2']) fs.writeFileSync(path.join(root, name), 'old');
  const staging = await prepareStaging({ root, run: 'r1' });
  fs.mkdirSync(path.join(staging, 'new-2'));
  for (const name of ['new-1', 'new-2/inside']) fs.writeFileSync(path.join(staging, name), 'new');
  expect(watched.unsynced()).not.toEqual([]);
  return watched;
}

interface Noted {
  readonly phase: string;
  /** What a power failure could lose when the phase was noted. */
  readonly unsynced: readonly string[];
}

/** The disk of this machine, and the phases that are noted on it. */
function disk(watched: WatchedDisk, fails: (to: string) => boolean = () => false): { disk: TreeDisk; noted: Noted[] } {
  const real = realDisk();
  const noted: Noted[] = [];
  return {
    noted,
    disk: {
      ...real,
      async flush(folder) {
        await real.flush(folder);
        watched.flushed();
      },
      append(file, text) {
        noted.push({ phase: JSON.parse(text).phase, unsynced: watched.unsynced() });
        real.append(file, text);
      },
      rename(from, to) {
        if (fails(String(to))) throw Object.assign(new Error('EIO'), { code: 'EIO', errno: -5 });
        real.rename(from, to);
      },
    },
  };
}

test('files that were restored are on the disk before the first live one makes way, and so is the plan of the swap', async () => {
  const watched = await staged();
  await swapTree({ root, run: 'r1', disk: disk(watched).disk });
  const [plan, first] = watched.changes.filter(({ call }) => call !== 'remove');
  expect(plan).toMatchObject({ call: 'rename', to: 'storage/.potctl-swap-r1.ndjson' });
  expect(plan?.unsynced).not.toContain('storage/.potctl-swap-r1.ndjson.tmp');
  expect(first).toMatchObject({ from: 'storage/old-1', unsynced: ['storage/.potctl-before-r1 (name)'] });
});

test('what a phase of a swap has moved is on the disk before the next one is noted', async () => {
  const watched = await staged();
  const { noted, disk: on } = disk(watched);
  await swapTree({ root, run: 'r1', disk: on });
  expect(noted).toEqual(['in', 'done'].map((phase) => ({ phase, unsynced: [] })));
  expect([names(), watched.unsynced()]).toEqual([['new-1', 'new-2'], []]);
});

test('what a swap that failed has moved back is on the disk before the next phase is noted, and when it is over', async () => {
  const watched = await staged();
  const { noted, disk: on } = disk(watched, (to) => to === path.join(root, 'new-2'));
  await expect(swapTree({ root, run: 'r1', disk: on })).rejects.toMatchObject({ code: 'E_IO', changed: 'nothing' });
  expect(noted).toEqual(
    ['in', 'back-out', 'back-in', 'back-closing'].map((phase) => ({ phase, unsynced: expect.any(Array) })),
  );
  expect(noted.filter(({ phase }) => phase !== 'back-out').flatMap(({ unsynced }) => unsynced)).toEqual([]);
  // What had been restored is kept aside, and nobody needs it.
  const needed = watched.unsynced().filter((name) => !name.includes('-late/'));
  expect([names(), needed]).toEqual([['old-1', 'old-2'], []]);
});

test('what an undo has moved is on the disk when it is over', async () => {
  const watched = await staged();
  await swapTree({ root, run: 'r1', disk: disk(watched).disk });
  const { noted, disk: on } = disk(watched);
  await undoTree({ root, run: 'r1', undoRun: 'r2', disk: on });
  expect(noted).toEqual(['in', 'done'].map((phase) => ({ phase, unsynced: [] })));
  // Only the record of the run that was undone may come back: it names nothing any more.
  expect([names(), watched.unsynced()]).toEqual([['old-1', 'old-2'], ['storage/.potctl-swap-r1.ndjson (name)']]);
});
