import { mkdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { markName, markText, readMark } from '../../archive/restore-folders.js';
import { fromErrno, isErrno, PotctlError } from '../../kernel/errors.js';
import { advice, potctl } from '../../kernel/next.js';
import { refuseOverlap } from '../../storage/place.js';
import { removeTree } from '../../storage/remove-tree.js';
import { lateAside, makeWritable } from './converge.js';
import { real, realDisk, type TreeDisk } from './disk.js';
import { findUnfinished } from './journal.js';
import { foldersOf } from './names.js';
import { findUnmovable, unmovableFix, unmovableText } from './observe.js';

/** A mode that no archive gives a folder: while it is set, nobody has set the staged root's own attributes. */
export const UNTOUCHED_MODE = 0o1700;

export interface StagingRequest {
  /** The live tree. A symlink is followed. Created with its parents if missing: a lost tree is a reason to restore. */
  readonly root: string;
  readonly run: string;
  /** A folder that must not be inside the tree, nor contain it: the repository. */
  readonly forbidden?: string;
  /** Default: the disk of this machine. */
  readonly disk?: TreeDisk;
}

/**
 * Creates the empty folder inside the tree (same file system, excluded from backups) into which the files are restored. Only this user
 * may read it. Once its own mode, owner, mtime and attributes are set, they become those of the root.
 *
 * @returns its absolute path
 * @throws PotctlError E_REFUSED, E_FILES_DENIED, E_NO_SPACE
 */
export async function prepareStaging(request: StagingRequest): Promise<string> {
  const { root, run, forbidden, disk = realDisk() } = request;
  try {
    if (forbidden !== undefined) refuseOverlap(forbidden, root);
    const created = makeRoot(root);
    const tree = realpathSync(root);
    await refuseUnmovable(tree);
    refuseUnfinished(tree);
    const staging = path.join(tree, foldersOf(run).staging);
    if (disk.look(staging) !== null) throw stagedAlready(run);
    await keepingAttributes(disk, tree, async () => {
      disk.write(path.join(tree, markName(run)), markText(run, created));
      disk.makeFolder(staging, 0o700);
    });
    disk.chmod(staging, UNTOUCHED_MODE);
    return staging;
  } catch (error) {
    throw fromErrno(error, `prepare the restore inside '${root}'`);
  }
}

/** Removes what a run staged, and the root if this run created it and it is empty. No error if there is nothing to remove. */
export async function discardStaging(request: Omit<StagingRequest, 'forbidden'>): Promise<void> {
  const { root, run, disk = realDisk() } = request;
  const tree = real(root);
  if (tree === null) return;
  try {
    const staging = path.join(tree, foldersOf(run).staging);
    if (disk.look(staging) !== null) {
      await keepingAttributes(disk, tree, () => removeTree(staging));
    }
    // A journal that a full disk or a kill truncated before it named its run: only the caller, who knows the run, can tell that it is ours.
    const torn = path.join(tree, `${foldersOf(run).journal}.tmp`);
    if (disk.look(torn)?.isFile()) await keepingAttributes(disk, tree, async () => disk.unlink(torn));
    const mark = readMark(tree, run);
    if (mark === undefined || disk.look(lateAside(path.join(tree, foldersOf(run).before))) !== null) return;
    await keepingAttributes(disk, tree, async () => disk.unlink(path.join(tree, markName(run))));
    if (mark.created) disk.removeFolder(tree);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'EBUSY')) throw fromErrno(error, `remove what was staged in '${root}'`);
  }
}

/** Creates and removes our own folders without changing the live root's mtime. */
async function keepingAttributes(disk: TreeDisk, tree: string, work: () => Promise<void>): Promise<void> {
  const attributes = await disk.readAttributes(tree);
  makeWritable(disk, tree);
  await work();
  await disk.applyAttributes(tree, attributes);
}

/** @throws PotctlError E_REFUSED if this tree has an interrupted swap */
export function refuseUnfinished(tree: string): void {
  const unfinished = findUnfinished(realDisk(), tree);
  if (unfinished === null) return;
  throw new PotctlError('E_REFUSED', `'${tree}' has an interrupted swap`, {
    why: { run: unfinished.plan.run, kind: unfinished.plan.kind, phase: unfinished.phase },
    fix: [advice`The next restore finishes it or rolls it back automatically: ${potctl('restore', 'list')} shows it.`],
  });
}

/** @returns whether it was created */
function makeRoot(root: string): boolean {
  const found = target(root);
  if (found === null && realDisk().look(root) !== null)
    throw refused(`'${root}' is a broken symbolic link`, 'its target does not exist');
  if (found !== null && !found.isDirectory())
    throw refused(`'${root}' is not a directory`, 'files can only be restored into a directory');
  if (found === null) mkdirSync(root, { recursive: true });
  return found === null;
}

function target(root: string): Stats | null {
  try {
    return statSync(root);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** @throws PotctlError E_BLOCKED for a repository, a mount point or another file system below the root: the swap would move it */
async function refuseUnmovable(root: string): Promise<void> {
  const found = await findUnmovable(root);
  if (found !== null) {
    throw new PotctlError('E_BLOCKED', unmovableText(found), { fix: [unmovableFix(found)] });
  }
}

const stagedAlready = (run: string): PotctlError =>
  refused(`the staging folder of run '${run}' already exists`, 'each run stages only once');

function refused(message: string, why: string): PotctlError {
  return new PotctlError('E_REFUSED', message, { why });
}
