import path from 'node:path';
import { fromErrno, PotctlError } from '../../kernel/errors.js';
import { isMountPoint } from '../../storage/mounts.js';
import { real, realDisk, type TreeDisk } from './disk.js';
import { readJournal, type SwapPlan, writeJournal } from './journal.js';
import { foldersOf } from './names.js';
import { keptRootOf } from './observe.js';
import { commonPlan, type SwapResult, startSwap } from './swap.js';

export interface UndoRequest {
  readonly root: string;
  /** The run whose swap is undone: a restore or an undo. */
  readonly run: string;
  /** The new run, under whose name the current live tree is kept. */
  readonly undoRun: string;
  readonly disk?: TreeDisk;
}

/**
 * Undoes a finished swap: what it kept becomes live, the current live tree is kept, and the root gets its earlier attributes.
 * Journaled like {@link swapTree}, and can itself be undone. A root that the restore created is removed by one rename, to
 * `<root>.potctl-before-<undoRun>` next to it.
 *
 * @throws PotctlError E_RUN_NOT_FOUND if that run kept nothing here, E_REFUSED; otherwise like swapTree
 */
export async function undoTree({ root, run, undoRun, disk = realDisk() }: UndoRequest): Promise<SwapResult> {
  const tree = real(root);
  const place = tree ?? path.resolve(root);
  if (disk.look(keptRootOf(place, run)) !== null) return bringBack(disk, place, run, undoRun);
  const { before: staged } = foldersOf(run);
  const record = tree === null ? null : readJournal(disk, tree, run);
  if (tree === null || record?.phase !== 'done' || disk.look(path.join(tree, staged)) === null)
    throw nothingKept(root, run);
  if (record.plan.rootCreated && !isMountPoint(tree)) return takeAway(disk, tree, undoRun);
  return startSwap(disk, tree, async () => ({
    ...(await commonPlan(disk, tree, { run: undoRun, of: run, staged })),
    kind: 'undo',
    rootCreated: false,
    before: foldersOf(undoRun).before,
    rootAfter: record.plan.rootBefore,
  }));
}

/** The root did not exist before the restore, so undo removes it. */
function takeAway(disk: TreeDisk, tree: string, undoRun: string): SwapResult {
  const kept = keptRootOf(tree, undoRun);
  if (disk.look(kept) !== null) throw new PotctlError('E_REFUSED', `'${kept}' already exists`);
  try {
    renameDurably(disk, tree, kept);
    return { kept };
  } catch (error) {
    throw fromErrno(error, `move '${tree}' aside`);
  }
}

/** The undo of {@link takeAway}. The record that allows undoing it in turn is written before the one rename. */
async function bringBack(disk: TreeDisk, tree: string, run: string, undoRun: string): Promise<SwapResult> {
  const beside = keptRootOf(tree, run);
  const { before } = foldersOf(undoRun);
  try {
    removeEmptyRoot(disk, tree, beside);
    const plan = await emptyPlan(disk, beside, undoRun, run);
    if (disk.look(path.join(beside, before)) === null) disk.makeFolder(path.join(beside, before), 0o700);
    writeJournal(disk, beside, plan, 'done');
    await disk.applyAttributes(beside, plan.rootBefore);
    renameDurably(disk, beside, tree);
    return { kept: path.join(tree, before) };
  } catch (error) {
    throw fromErrno(error, `bring '${beside}' back`);
  }
}

/** A rename that might not survive a power failure is rolled back: otherwise its database would not match. */
function renameDurably(disk: TreeDisk, from: string, to: string): void {
  disk.rename(from, to);
  try {
    disk.syncFolder(path.dirname(to));
  } catch (error) {
    disk.rename(to, from);
    throw error;
  }
}

async function emptyPlan(disk: TreeDisk, folder: string, run: string, of: string): Promise<SwapPlan> {
  const rootBefore = await disk.readAttributes(folder);
  const { staging, before } = foldersOf(run);
  return {
    format: 1,
    run,
    kind: 'undo',
    of,
    rootCreated: true,
    staged: staging,
    before,
    rootBefore,
    rootAfter: null,
    fixed: [],
    live: null,
    incoming: null,
  };
}

function removeEmptyRoot(disk: TreeDisk, tree: string, beside: string): void {
  if (disk.look(tree) === null) return;
  if (disk.list(tree).length > 0) {
    throw new PotctlError('E_REFUSED', `'${tree}' exists again`, {
      why: `it is not empty, and '${beside}' would replace it`,
      fix: [`Move it aside first: \`mv '${tree}' '${tree}.newer'\``],
    });
  }
  disk.removeFolder(tree);
}

function nothingKept(root: string, run: string): PotctlError {
  return new PotctlError('E_RUN_NOT_FOUND', `run '${run}' kept nothing in '${root}'`);
}
