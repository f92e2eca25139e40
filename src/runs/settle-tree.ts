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

/** Did the tree of a run that moved only files get past the point from which it leads forward? */
export async function isTreeSwapping(record: RunRecord, { root, staged_at: stagedAt }: TreeMove): Promise<boolean> {
  if (record.step === 'staging') return false;
  if (stagedAt !== null) return !(await exists(stagedAt));
  const { unfinished, beforeFolders } = await observeTree({ root });
  return unfinished?.run === record.run_id || beforeFolders.some(({ run }) => run === record.run_id);
}

/** Is there anything here, staged, half-swapped or kept, that the tree of this run can be told by? Another host's disk shows nothing. */
export async function hasTreeOf(record: RunRecord, { root, staged_at: stagedAt }: TreeMove): Promise<boolean> {
  if (stagedAt !== null) return (await exists(stagedAt)) || (await exists(root));
  const { run_id: run, undoes } = record;
  const { unfinished, stagings, beforeFolders } = await observeTree({ root });
  if (unfinished?.run === run || stagings.includes(run)) return true;
  // What an undo brings back is what the other run kept: nothing else is staged for it.
  return beforeFolders.some((kept) => kept.run === run || kept.run === undoes);
}

/** Brings the tree of a run to the end that its database has reached already, from wherever it stopped. */
export async function finishTree(record: RunRecord, { root, staged_at: stagedAt }: TreeMove): Promise<void> {
  if (stagedAt !== null) return finishBeside(root, stagedAt);
  const { run_id: run, undoes } = record;
  const { unfinished } = await observeTree({ root });
  // One that was nearly taken back cannot be finished: it begins anew.
  if (unfinished?.run === run && (await recoverTree({ root, decision: 'finish' })) === 'finished') return;
  const { beforeFolders } = await observeTree({ root });
  // Its own before folder is the last thing that a swap could have made: then nothing is left to do.
  if (beforeFolders.some((kept) => kept.run === run)) return;
  if (undoes === null) await swapTree({ root, run });
  else await undoTree({ root, run: undoes, undoRun: run });
}

/**
 * Puts the tree of a run back to where it was, and removes what was staged.
 *
 * @returns what was staged and could not be removed: it is beside the live files, which are as they were
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
    // What holds a mount point or a repository is not to be removed by a line that somebody pastes.
    const line = known.code === 'E_REFUSED' ? `ls -laR -- ${shellWord(folder)}` : `rm -r -- ${shellWord(folder)}`;
    return [{ kind: 'files', name: folder, why, line }];
  }
}

/** A new directory appears by one rename. An empty one that is there already gives way. */
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
    throw fromErrno(error, `give the restored files the name "${root}"`);
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw fromErrno(error, `look at "${file}"`);
  }
}
