import { isErrno } from '../../kernel/errors.js';
import type { DiskEntry, TreeDisk } from './disk.js';
import { at, type DiskPath, type Name, ownName } from './names.js';

/**
 * Moves an entry to another folder of the same file system under the same name, and never overwrites anything.
 *
 * Non-directories are moved by link and unlink, because a rename would silently replace what a writer has just created there; a directory
 * can only replace an empty one. A move that was interrupted in between is completed.
 *
 * @returns false if the name is taken: nothing was moved
 */
export function moveEntry(disk: TreeDisk, { name, directory }: DiskEntry, from: string, to: string): boolean {
  const source = at(from, name);
  const target = at(to, name);
  if (directory) return moveFolder(disk, source, target);
  const linked = linkEntry(disk, source, target);
  if (linked === 'unable') return moveChecked(disk, source, target);
  if (linked) disk.unlink(source);
  return linked;
}

/** Where a run keeps what it replaces. */
export interface Kept {
  readonly folder: string;
  readonly run: string;
}

/** Moves an entry to the kept folder under its own name, or, if that is taken, into a late folder there. */
export function keepEntry(disk: TreeDisk, entry: DiskEntry, from: string, kept: Kept): void {
  if (!moveEntry(disk, entry, from, kept.folder)) moveEntry(disk, entry, from, lateFolderFor(disk, kept, entry.name));
}

/** An unused path for a late folder, `.potctl-late-<run>-<n>`. */
export function freeLatePath(disk: TreeDisk, { folder, run }: Kept): string {
  let n = 1;
  while (disk.look(`${folder}/${lateName(run, n)}`) !== null) n += 1;
  return `${folder}/${lateName(run, n)}`;
}

/** Whether it is a late folder of the run. The run id is newer than anything in the tree when the run began, so user data cannot match. */
export const isLateOf = (name: Name, run: string): boolean => name.startsWith(`.potctl-late-${run}-`);

/** The first late folder without an entry of that name; created if needed. */
function lateFolderFor(disk: TreeDisk, { folder, run }: Kept, name: Name): string {
  for (let n = 1; ; n += 1) {
    const late = `${folder}/${lateName(run, n)}`;
    if (disk.look(late) === null) disk.makeFolder(late, 0o700);
    if (disk.look(at(late, name)) === null) return late;
  }
}

const lateName = (run: string, n: number): Name => ownName(`.potctl-late-${run}-${n}`);

/** `unable`: this file system does not support hard links, or this user may not link this file (fs.protected_hardlinks). */
function linkEntry(disk: TreeDisk, source: DiskPath, target: DiskPath): boolean | 'unable' {
  try {
    disk.link(source, target);
    return true;
  } catch (error) {
    if (isErrno(error, 'EPERM', 'EACCES', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) return 'unable';
    if (!isErrno(error, 'EEXIST')) throw error;
    return sameFile(disk, source, target);
  }
}

function moveChecked(disk: TreeDisk, source: DiskPath, target: DiskPath): boolean {
  if (disk.look(target) !== null) return false;
  disk.rename(source, target);
  return true;
}

function moveFolder(disk: TreeDisk, source: DiskPath, target: DiskPath): boolean {
  try {
    return moveChecked(disk, source, target);
  } catch (error) {
    if (isErrno(error, 'EEXIST', 'ENOTEMPTY', 'ENOTDIR')) return false;
    if (!isErrno(error, 'EACCES')) throw error;
    renameReadOnly(disk, source, target);
    return true;
  }
}

/** Moving a directory rewrites its `..`, so the kernel requires a plain user to have write permission on it. */
function renameReadOnly(disk: TreeDisk, source: DiskPath, target: DiskPath): void {
  const mode = (disk.look(source)?.mode ?? 0) & 0o7777;
  disk.chmod(source, mode | 0o300);
  try {
    disk.rename(source, target);
  } catch (error) {
    disk.chmod(source, mode);
    throw error;
  }
  disk.chmod(target, mode);
}

function sameFile(disk: TreeDisk, source: DiskPath, target: DiskPath): boolean {
  const [one, other] = [disk.look(source), disk.look(target)];
  return one !== null && other !== null && one.dev === other.dev && one.ino === other.ino;
}
