import path from 'node:path';
import { readMark } from '../../archive/restore-folders.js';
import { fromErrno, PotctlError } from '../../kernel/errors.js';
import { findNestedMounts, isMountPoint } from '../../storage/mounts.js';
import { finishSwap, incomingOf, makeWritable, movable, type Site, takeBackSwap } from './converge.js';
import { type DiskEntry, real, realDisk, type TreeDisk } from './disk.js';
import {
  encodeName,
  findUnfinished,
  type PlannedEntry,
  readJournal,
  removeTornJournals,
  type SwapPlan,
  writeJournal,
} from './journal.js';
import { at, foldersOf, type Name, ownName } from './names.js';
import { refuseUnfinished, UNTOUCHED_MODE } from './staging.js';

export interface SwapRequest {
  readonly root: string;
  readonly run: string;
  /** Default: the disk of this machine. */
  readonly disk?: TreeDisk;
}

export interface SwapResult {
  /** Where what was live is kept. */
  readonly kept: string;
}

/**
 * Replaces the live tree with the staged one. The root keeps its inode (it may be a mount point); each entry moves by one rename, and what
 * was live moves into `.potctl-before-<run>/`. A journal on disk, written before the first rename, lets {@link recoverTree} finish or roll
 * back the swap after a kill at any moment. Nothing is overwritten: entries that writers create meanwhile are kept, too.
 *
 * @throws PotctlError E_REFUSED, E_BLOCKED (mount points below the root), E_FILES_DENIED, E_NO_SPACE, E_IO. `changed` is `nothing`
 *   if the tree was rolled back, `partial` if the journal remains.
 */
export async function swapTree({ root, run, disk = realDisk() }: SwapRequest): Promise<SwapResult> {
  const tree = existing(root);
  const { staging, before } = foldersOf(run);
  if (disk.look(path.join(tree, staging)) === null) {
    throw new PotctlError('E_REFUSED', `run '${run}' staged nothing in '${root}'`);
  }
  const untouched = ((disk.look(path.join(tree, staging))?.mode ?? 0) & 0o7777) === UNTOUCHED_MODE;
  return startSwap(disk, tree, async () => ({
    ...(await commonPlan(disk, tree, { run, of: null, staged: staging })),
    kind: 'restore',
    rootCreated: readMark(tree, run)?.created ?? false,
    before,
    rootAfter: untouched ? null : await disk.readAttributes(path.join(tree, staging)),
  }));
}

export interface RecoverRequest {
  readonly root: string;
  /** `finish`: the staged tree becomes live. `undo`: the tree becomes what it was before the swap. */
  readonly decision: 'finish' | 'undo';
  readonly disk?: TreeDisk;
}

/**
 * Finishes or rolls back an interrupted swap. May itself be interrupted and called again, with either decision; only a swap that is
 * already rolled back stays so, and the result is `undone`.
 *
 * @throws PotctlError E_REFUSED (damaged journal), E_FILES_DENIED, E_IO
 */
export async function recoverTree(request: RecoverRequest): Promise<'nothing' | 'finished' | 'undone'> {
  const { root, decision, disk = realDisk() } = request;
  const tree = real(root);
  if (tree !== null) removeTornJournals(disk, tree);
  const journal = tree === null ? null : findUnfinished(disk, tree);
  if (tree === null || journal === null) return 'nothing';
  const site: Site = { disk, root: tree, plan: journal.plan };
  const finish = decision === 'finish' && journal.phase !== 'back-closing';
  try {
    await (finish ? finishSwap(site, journal.phase) : takeBackSwap(site, journal));
  } catch (error) {
    throw waiting(fromErrno(error, `${decision} the interrupted swap in '${root}'`), site);
  }
  return finish ? 'finished' : 'undone';
}

/** Checks the preconditions of any swap, writes its journal and completes it; after a failure, rolls it back. */
export async function startSwap(disk: TreeDisk, tree: string, makePlan: () => Promise<SwapPlan>): Promise<SwapResult> {
  refuseUnfinished(tree);
  removeTornJournals(disk, tree);
  const mounts = findNestedMounts(tree);
  if (mounts.length > 0) {
    throw new PotctlError('E_BLOCKED', `there are mount points below '${tree}'`, { why: mounts.join(', ') });
  }
  const plan = await makePlan().catch((error: unknown) => Promise.reject(fromErrno(error, `read '${tree}'`)));
  const kept = path.join(tree, plan.before);
  if (disk.look(kept) !== null) throw new PotctlError('E_REFUSED', `'${kept}' already exists`);
  const site: Site = { disk, root: tree, plan };
  try {
    await disk.flush(tree);
    makeWritable(disk, tree);
    writeJournal(disk, tree, plan, 'out');
    await finishSwap(site, 'out');
    return { kept };
  } catch (error) {
    if (await standsAfter(error, site)) return { kept };
    throw fromErrno(error, `swap the files in '${tree}'`);
  }
}

/** The parts of a plan that do not depend on the direction. Reads the names on both sides. */
export async function commonPlan(
  disk: TreeDisk,
  root: string,
  { run, of, staged }: Pick<SwapPlan, 'run' | 'of' | 'staged'>,
): Promise<Pick<SwapPlan, 'format' | 'run' | 'of' | 'staged' | 'rootBefore' | 'fixed' | 'live' | 'incoming'>> {
  const lostAndFound = ownName('lost+found');
  const fixed = isMountPoint(root) && disk.look(at(root, lostAndFound)) ? [{ name: encodeName(lostAndFound) }] : [];
  const from = path.join(root, staged);
  const planned = (entries: readonly DiskEntry[], folder: string): PlannedEntry[] =>
    entries.map(({ name, directory }) => plannedEntry(disk, folder, name, directory));
  const rootBefore = await disk.readAttributes(root);
  return {
    format: 1,
    run,
    of,
    staged,
    rootBefore,
    fixed,
    live: planned(movable(disk, root, fixed), root),
    incoming: planned(incomingOf(disk, from, { run, of, fixed }), from),
  };
}

/** The real path of a tree. @throws PotctlError E_FILES_MISSING */
export function existing(root: string): string {
  const tree = real(root);
  if (tree === null) throw new PotctlError('E_FILES_MISSING', `'${root}' does not exist`);
  return tree;
}

function plannedEntry(disk: TreeDisk, folder: string, name: Name, directory: boolean): PlannedEntry {
  const mode = directory ? (disk.look(at(folder, name))?.mode ?? 0o700) & 0o7777 : 0o700;
  return { name: encodeName(name), ...((mode & 0o300) === 0o300 ? {} : { mode }) };
}

/**
 * Rolls back the swap after an error. A swap recorded as done stays, even if only its record could not be made durable: nothing could roll
 * it back later, and its database must not be rolled back alone.
 */
async function standsAfter(error: unknown, site: Site): Promise<boolean> {
  const { disk, root, plan } = site;
  try {
    const journal = readJournal(disk, root, plan.run);
    if (journal?.phase === 'done') return true;
    removeTornJournals(disk, root);
    if (journal !== null) await takeBackSwap(site, journal);
    // Nothing has moved, but the attempt changed the root's mtime.
    else await disk.applyAttributes(root, plan.rootBefore);
    return false;
  } catch {
    throw waiting(fromErrno(error, `swap the files in '${root}'`), site);
  }
}

function waiting(error: unknown, { root, plan }: Site): unknown {
  if (!(error instanceof PotctlError)) return error;
  const changedDetail = `the swap of run '${plan.run}' in '${root}' is half done; its journal is kept, and nothing is lost`;
  return error.with({
    changed: 'partial',
    changedDetail,
    fix: ['Fix the cause; the next restore finishes it or rolls it back.'],
  });
}
