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

/** A swap at work: where, by which plan. */
export interface Site {
  readonly disk: TreeDisk;
  readonly root: string;
  readonly plan: SwapPlan;
}

const SWEEPS = 10;
const RETRIES = 100;

/**
 * Brings a swap to its end from whatever phase it is in: what was live lies in the before folder, what was staged is live. Looks at
 * the disk instead of remembering, so it may be interrupted and called again any number of times.
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

/** Brings a swap back to where it began: what was live is live again, byte for byte and mode for mode. The same promise as {@link finishSwap}. */
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
  // Removing the journal touched the root once more.
  await disk.applyAttributes(root, plan.rootBefore);
}

/** Entries of a live tree that a swap moves: all but what runs keep there and those that stay. */
export function movable(disk: TreeDisk, root: string, fixed: readonly PlannedEntry[]): DiskEntry[] {
  const staying = new Set<Name>(fixed.map(({ name }) => decodeName(name)));
  const entries = disk.list(root);
  const own = ownNames(
    root,
    entries.map(({ name }) => name),
  );
  return entries.filter(({ name }) => !own.has(name) && !staying.has(name));
}

/** Entries of a staged or a kept tree that become live: all but what came too late and those that stay. */
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
  // Writers that go on writing may add entries behind the sweep; what comes later still stays in the tree.
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

/** Puts an entry into the tree; what a writer has put in its place meanwhile is kept in the before folder. */
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
  // Where the staged entry has not moved, the one in the tree is a writer's: it makes way when the old entry comes back.
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
    // What was undone has no before folder any more, so its record goes; that touched the root once more.
    removeFile(disk, path.join(root, foldersOf(plan.of).journal));
    await disk.applyAttributes(root, attributes);
  } catch {
    // The swap stands: a record without its folder names nothing that could be undone, and harms nobody.
  }
}

/** Removes the empty staging folder; what is left in it (late entries of an earlier swap, entries that stay) is kept. */
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

/** What a way back had to keep. */
export const lateAside = (before: string): string => `${before}-late`;

/** After a way back nothing bears the run's own before name, which stands for a finished swap; what had to be kept goes under `-late`. */
function setLateAside({ disk, root, plan }: Site): void {
  const before = path.join(root, plan.before);
  removeEmpty(disk, before);
  if (disk.look(before) === null) return;
  // The journal goes, and something has to say whose the folder is.
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

/** A restored root or a kept folder may forbid its own owner to write; its attributes are put back at the end. */
export function makeWritable(disk: TreeDisk, ...folders: string[]): void {
  for (const folder of folders) {
    const mode = disk.look(folder)?.mode;
    if (mode !== undefined && (mode & 0o300) !== 0o300) disk.chmod(folder, (mode & 0o7777) | 0o700);
  }
}

/** One after the other, letting timers (a lock's heartbeat) run in between; what has vanished meanwhile is passed over. */
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
  return new PotctlError('E_REFUSED', `what run '${plan.run}' had staged in '${root}' is gone`, {
    why: 'there is nothing that could become the live tree; the swap can only be taken back',
  });
}

function notPlaced(names: readonly string[]): PotctlError {
  return new PotctlError('E_IO', `${counted(names.length, 'entry')} could not be put into the tree`, {
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
