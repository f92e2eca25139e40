import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareStaging, recoverTree } from '../../src/runs/tree/tree.js';
import { memoryFolder, photograph, removeFolder } from '../support/file-tree.js';
import { inSweep } from '../support/sweep.js';
import { bundleTree, startTreeProcess } from './tree-process.js';

const ENTRIES = 1_200;
const POINTS = inSweep ? 20 : 6;

let scratch: string;
let bundle: string;

beforeAll(async () => {
  scratch = memoryFolder();
  bundle = await bundleTree(scratch);
});
afterAll(() => removeFolder(scratch));

/** Fixed seed: the same moments in every run. @see xorshift32, Marsaglia 2003 */
function* moments(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield (state >>> 0) / 2 ** 32;
  }
}

function plant(folder: string, mark: string): void {
  for (let n = 0; n < ENTRIES; n += 1) {
    if (n % 4 === 0) fs.mkdirSync(path.join(folder, `folder-${n}-${n % 8 === 0 ? mark : 'both'}`));
    else fs.symlinkSync(`${mark}-${n}`, path.join(folder, `entry-${n}-${n % 3 === 0 ? mark : 'both'}`));
  }
}

/** Names and targets; times of folders are covered by the crash test. */
const names = (root: string): string[] =>
  photograph(root)
    .slice(1)
    .map((text) => text.replace(/ \d+ \d+ \d+ /, ' '));

test('kill -9 at any moment of a swap leaves a tree that is completely old or completely new after recovery', async () => {
  const root = path.join(scratch, 'storage');
  const random = moments(20261122);
  const seen = new Set<string>();
  let longestMs = 150;
  for (let point = 0; point < POINTS; point += 1) {
    fs.rmSync(root, { recursive: true, force: true });
    fs.mkdirSync(root);
    plant(root, 'old');
    plant(await prepareStaging({ root, run: 'r1' }), 'new');
    const old = names(root);
    const fresh = names(path.join(root, '.potctl-restore-r1'));
    const child = startTreeProcess(bundle, `await tree.swapTree({ root: '${root}', run: 'r1' });`);
    const ended = once(child, 'exit');
    while (child.exitCode === null && !fs.existsSync(path.join(root, '.potctl-swap-r1.ndjson'))) await sleep(1);
    const begun = performance.now();
    await Promise.race([ended, sleep((random.next().value as number) * longestMs)]);
    child.kill('SIGKILL');
    await ended;
    if (child.exitCode === 0) longestMs = Math.min(longestMs, performance.now() - begun);
    const decision = point % 2 === 0 ? 'finish' : 'undo';
    const outcome = await recoverTree({ root, decision });
    seen.add(outcome);
    const now = names(root);
    if (outcome === 'nothing') expect([old, fresh]).toContainEqual(now);
    else expect(now).toEqual(outcome === 'finished' ? fresh : old);
    if (outcome === 'finished') expect(names(path.join(root, '.potctl-before-r1'))).toEqual(old);
  }
  expect([...seen]).toEqual(expect.arrayContaining(['finished', 'undone']));
}, 300_000);
