import path from 'node:path';
import { setImmediate as pause } from 'node:timers/promises';
import { markName, markText, ownNames } from '../../archive/restore-folders.js';
import { counted } from '../../kernel/counted.js';
import { isErrno, PotctlError } from '../../kernel/errors.js';
import type { DiskEntry, TreeDisk } from './disk.js';
import {
  decodeName,
  type Journal,
  notePhase,
  type Phase,
  type PlannedEntry,
  type SwapPlan,
  writeJournal,
} from './journal.js';
import { freeLatePath, isLateOf, type Kept, keepEntry, moveEntry } from './move.js';
import { at, type DiskPath, foldersOf, type Name, readable } from './names.js';

/** A swap in progress: where, and by which plan. */
export interface Site {
  readonly disk: TreeDisk;
  readonly root: string;
  readonly plan: SwapPlan;
}

const SWEEPS = 10;
const RETRIES = 100;

/**
 * Completes a swap from whatever phase it is in: afterwards what was live is in the before folder, and what was staged is live. Decides by
 * the state of the disk, so it may be interrupted and called again any number of times.
 */
export async function finishSwap(site: Site, from: Phase): Promise<void> {
  const { disk, root, plan } = site;
  makeWritable(disk, root, path.join(root, plan.staged));
  let phase = from;
  const enter = (next: Phase): void => {
    notePhase(disk, root, plan.run, next);
    phase = next;
  };
  if (phase === 'back-in') enter('out');
  if (phase === 'back-out') enter('in');
  if (phase === 'out') {
    if (disk.look(path.join(root, plan.staged)) === null) throw nothingStaged(site);
    await moveOut(site);
    enter('in');
  }
  if (phase === 'in') {
    await moveIn(site, plan.staged);
    restoreModes(site, plan.before, '.');
    tidyStaged(site);
    removeFile(disk, path.join(root, markName(plan.run)));
    writeJournal(disk, root, { ...plan, live: null, incoming: null }, 'closing');
  }
  await close(site);
}

/** Rolls back a swap: what was live is live again, with the same bytes and modes. Repeatable like {@link finishSwap}. */
export async function takeBackSwap(site: Site, { phase, wasLive }: Pick<Journal, 'phase' | 'wasLive'>): Promise<void> {
  const { disk, root, plan } = site;
  const enter = (next: Phase): void => notePhase(disk, root, plan.run, next);
  makeWritable(disk, root, path.join(root, plan.staged));
  if (phase === 'in' || phase === 'closing') enter('back-out');
  if (phase === 'in' || phase === 'closing' || phase === 'back-out') await moveBackOut(site);
  if (phase !== 'back-closing') {
    if (phase !== 'back-in') enter('back-in');
    if (disk.look(path.join(root, plan.before)) !== null) await moveIn(site, plan.before);
    restoreModes(site, '.', plan.staged);
    enter('back-closing');
  }
  if (plan.kind === 'restore' && (wasLive || phase === 'in' || phase === 'closing')) keepStaged(site);
  setLateAside(site);
  await disk.applyAttributes(root, plan.rootBefore);
  removeFile(disk, path.join(root, foldersOf(plan.run).journal));
  disk.syncFolder(root);
  // Removing the journal changed the root's mtime again.
  await disk.applyAttributes(root, plan.rootBefore);
}

/** Entries of a live tree that a swap moves: all except folders of potctl and entries that stay. */
export function movable(disk: TreeDisk, root: string, fixed: readonly PlannedEntry[]): DiskEntry[] {
  const staying = new Set<Name>(fixed.map(({ name }) => decodeName(name)));
  const entries = disk.list(root);
  const own = ownNames(
    root,
    entries.map(({ name }) => name),
  );
  return entries.filter(({ name }) => !own.has(name) && !staying.has(name));
}

/** Entries of a staged or a kept tree that become live: all except late entries and entries that stay. */
export function incomingOf(
  disk: TreeDisk,
  folder: string,
  { run, of, fixed }: Pick<SwapPlan, 'run' | 'of' | 'fixed'>,
): DiskEntry[] {
  const staying = new Set<Name>(fixed.map(({ name }) => decodeName(name)));
  const isLate = (name: Name): boolean => isLateOf(name, run) || (of !== null && isLateOf(name, of));
  return disk.list(folder).filter(({ name }) => !isLate(name) && !staying.has(name));
}

const keptBy = ({ root, plan }: Site): Kept => ({ folder: path.join(root, plan.before), run: plan.run });

async function moveOut(site: Site): Promise<void> {
  const { disk, root, plan } = site;
  const before = path.join(root, plan.before);
  if (disk.look(before) === null) disk.makeFolder(before, 0o700);
  // Active writers may add entries behind the sweep; whatever comes later stays in the tree.
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const entries = movable(disk, root, plan.fixed);
    if (entries.length === 0) break;
    await each(entries, (entry) => keepEntry(disk, entry, root, keptBy(site)));
  }
  disk.syncFolder(before);
  disk.syncFolder(root);
}

async function moveIn(site: Site, source: string): Promise<void> {
  const { disk, root, plan } = site;
  const from = path.join(root, source);
  if (disk.look(from) === null) return;
  await each(incomingOf(disk, from, plan), (entry) => place(site, entry, from));
  const left = incomingOf(disk, from, plan);
  if (left.length > 0) throw notPlaced(left.map(({ name }) => readable(name)));
  disk.syncFolder(root);
  disk.syncFolder(from);
}

/** Puts an entry into the tree; if a writer has created one with the same name, that one is kept in the before folder. */
function place(site: Site, entry: DiskEntry, from: string): void {
  const { disk, root } = site;
  for (let attempt = 0; attempt < RETRIES; attempt += 1) {
    if (moveEntry(disk, entry, from, root)) return;
    const obstacle = disk.look(at(root, entry.name));
    if (obstacle !== null) keepEntry(disk, { name: entry.name, directory: obstacle.isDirectory() }, root, keptBy(site));
  }
}

async function moveBackOut({ disk, root, plan }: Site): Promise<void> {
  const staging = path.join(root, plan.staged);
  if (disk.look(staging) === null) disk.makeFolder(staging, 0o700);
  const incoming = plan.incoming && new Set(plan.incoming.map(({ name }) => decodeName(name)));
  const ours = movable(disk, root, plan.fixed).filter(({ name }) => incoming === null || incoming.has(name));
  // If the staged entry has not moved, the one in the tree is a writer's: it is moved aside when the old entry returns.
  await each(ours, (entry) => void moveEntry(disk, entry, root, staging));
  disk.syncFolder(staging);
  disk.syncFolder(root);
}

async function close({ disk, root, plan }: Site): Promise<void> {
  const attributes = plan.rootAfter ?? plan.rootBefore;
  await disk.applyAttributes(root, attributes);
  notePhase(disk, root, plan.run, 'done');
  if (plan.of === null) return;
  try {
    // An undone run has no before folder any more, so its record is removed; that changed the root's mtime again.
    removeFile(disk, path.join(root, foldersOf(plan.of).journal));
    await disk.applyAttributes(root, attributes);
  } catch {
    // The swap is complete: a record without its folder can undo nothing, and does no harm.
  }
}

/** Removes the empty staging folder; if anything is left in it (late entries of an earlier swap, entries that stay), it is kept. */
function tidyStaged(site: Site): void {
  const { disk, root, plan } = site;
  const staging = path.join(root, plan.staged);
  for (const { name } of plan.fixed) removeEmpty(disk, at(staging, decodeName(name)));
  removeEmpty(disk, staging);
  if (disk.look(staging) !== null) keepStaged(site);
}

function keepStaged(site: Site): void {
  const { disk, root, plan } = site;
  const staging = path.join(root, plan.staged);
  const before = path.join(root, plan.before);
  if (disk.look(staging) === null) return;
  if (disk.look(before) === null) disk.makeFolder(before, 0o700);
  disk.rename(staging, freeLatePath(disk, keptBy(site)));
}

/** The folder for what a rollback had to keep. */
export const lateAside = (before: string): string => `${before}-late`;

/** After a rollback, nothing may have the run's own before name, which marks a finished swap; what had to be kept is renamed to `-late`. */
function setLateAside({ disk, root, plan }: Site): void {
  const before = path.join(root, plan.before);
  removeEmpty(disk, before);
  if (disk.look(before) === null) return;
  // The journal is removed, so the mark shows whose folder it is.
  disk.write(path.join(root, markName(plan.run)), markText(plan.run, false));
  disk.rename(before, lateAside(before));
}

function restoreModes({ disk, root, plan }: Site, liveIn: string, incomingIn: string): void {
  const put = (entries: readonly PlannedEntry[] | null, folder: string): void => {
    for (const { name, mode } of entries ?? []) {
      const file = at(path.join(root, folder), decodeName(name));
      const found = mode === undefined ? null : disk.look(file);
      if (found?.isDirectory() && (found.mode & 0o7777) !== mode) disk.chmod(file, mode ?? 0);
    }
  };
  put(plan.live, liveIn);
  put(plan.incoming, incomingIn);
}

/** A restored root or a kept folder may deny its own owner to write; its attributes are restored at the end. */
export function makeWritable(disk: TreeDisk, ...folders: string[]): void {
  for (const folder of folders) {
    const mode = disk.look(folder)?.mode;
    if (mode !== undefined && (mode & 0o300) !== 0o300) disk.chmod(folder, (mode & 0o7777) | 0o700);
  }
}

/** Works one by one and lets timers (a lock's heartbeat) run in between; skips entries that have vanished. */
async function each(entries: readonly DiskEntry[], work: (entry: DiskEntry) => void): Promise<void> {
  for (const [index, entry] of entries.entries()) {
    if (index % 500 === 499) await pause();
    try {
      work(entry);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
}

function nothingStaged({ root, plan }: Site): PotctlError {
  return new PotctlError('E_REFUSED', `the staging folder of run '${plan.run}' in '${root}' is gone`, {
    why: 'there is nothing to make live; the swap can only be rolled back',
  });
}

function notPlaced(names: readonly string[]): PotctlError {
  return new PotctlError('E_IO', `${counted(names.length, 'entry')} could not be moved into the tree`, {
    why: names.slice(0, 5).join(', '),
  });
}

function removeFile(disk: TreeDisk, file: string): void {
  if (disk.look(file) !== null) disk.unlink(file);
}

function removeEmpty(disk: TreeDisk, folder: DiskPath): void {
  try {
    if (disk.look(folder) !== null) disk.removeFolder(folder);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error;
  }
}
