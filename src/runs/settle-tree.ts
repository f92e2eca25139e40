import { lstat, rename, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import { shellWord } from '../postgres/psql-line.js';
import { removeTree } from '../storage/remove-tree.js';
import type { Leftover } from './leftover.js';
import type { RunRecord, TreeMove } from './record.js';
import { realDisk } from './tree/disk.js';
import { foldersOf } from './tree/names.js';
import { discardStaging, observeTree, recoverTree, swapTree, undoTree } from './tree/tree.js';

/** Whether the tree of a files-only run had passed the point of no return. */
export async function isTreeSwapping(record: RunRecord, { root, staged_at: stagedAt }: TreeMove): Promise<boolean> {
  if (record.step === 'staging') return false;
  if (stagedAt !== null) return !(await exists(stagedAt));
  const { unfinished, beforeFolders } = await observeTree({ root });
  return unfinished?.run === record.run_id || beforeFolders.some(({ run }) => run === record.run_id);
}

/** Whether this host has anything of the run's tree: staged, half swapped or kept. On another host's disk there is nothing. */
export async function hasTreeOf(record: RunRecord, { root, staged_at: stagedAt }: TreeMove): Promise<boolean> {
  if (stagedAt !== null) return (await exists(stagedAt)) || (await exists(root));
  const { run_id: run, undoes } = record;
  const { unfinished, stagings, beforeFolders } = await observeTree({ root });
  if (unfinished?.run === run || stagings.includes(run)) return true;
  // An undo restores what the other run kept: it has no staging folder of its own.
  return beforeFolders.some((kept) => kept.run === run || kept.run === undoes);
}

/** Completes the tree swap of a run whose database has been swapped, from wherever it stopped. */
export async function finishTree(record: RunRecord, { root, staged_at: stagedAt }: TreeMove): Promise<void> {
  if (stagedAt !== null) return finishBeside(root, stagedAt);
  const { run_id: run, undoes } = record;
  const { unfinished } = await observeTree({ root });
  // A swap that was almost rolled back cannot be finished: it starts over.
  if (unfinished?.run === run && (await recoverTree({ root, decision: 'finish' })) === 'finished') return;
  const { beforeFolders } = await observeTree({ root });
  // The run's own before folder is the last thing that a swap creates: then nothing is left to do.
  if (beforeFolders.some((kept) => kept.run === run)) return;
  if (undoes === null) await swapTree({ root, run });
  else await undoTree({ root, run: undoes, undoRun: run });
}

/**
 * Rolls back the tree swap of a run, and removes what was staged.
 *
 * @returns what was staged and could not be removed: it is separate from the live files, which are unchanged
 */
export async function takeBackTree(record: RunRecord, { root, staged_at: stagedAt }: TreeMove): Promise<Leftover[]> {
  const { run_id: run } = record;
  if (stagedAt === null) {
    const { unfinished } = await observeTree({ root });
    if (unfinished?.run === run) await recoverTree({ root, decision: 'undo' });
  }
  const folder = stagedAt ?? path.join(root, foldersOf(run).staging);
  try {
    await (stagedAt === null ? discardStaging({ root, run }) : removeTree(stagedAt));
    return [];
  } catch (error) {
    const known = fromErrno(error, `remove "${folder}"`);
    if (!(known instanceof PotctlError)) throw error;
    const why = typeof known.why === 'string' ? `${known.message}; ${known.why}` : known.message;
    // Never print a command that would remove a mount point or a repository.
    const line = known.code === 'E_REFUSED' ? `ls -laR -- ${shellWord(folder)}` : `rm -r -- ${shellWord(folder)}`;
    return [{ kind: 'files', name: folder, why, line }];
  }
}

/** A new directory appears by one rename. An existing empty one is removed first. */
async function finishBeside(root: string, stagedAt: string): Promise<void> {
  if (!(await exists(stagedAt))) return;
  try {
    await rmdir(root).catch((error: unknown) => {
      if (!isErrno(error, 'ENOENT')) throw error;
    });
    const disk = realDisk();
    await disk.flush(stagedAt);
    await rename(stagedAt, root);
    disk.syncFolder(path.dirname(root));
  } catch (error) {
    throw fromErrno(error, `rename the restored files to "${root}"`);
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw fromErrno(error, `read "${file}"`);
  }
}
