import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, realpath, rm, unlink } from 'node:fs/promises';
import path from 'node:path';
import { isErrno, PotctlError } from '../../kernel/errors.js';
import { give, type Owner } from './owners.js';

const { O_APPEND, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/** Returns 12 random hex digits. */
export function uniqueSuffix(): string {
  return randomBytes(6).toString('hex');
}

/** Syncs a file, or the entries of a folder. */
export async function syncPath(target: string): Promise<void> {
  const handle = await open(target, O_RDONLY | O_NOFOLLOW);
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a folder and do not need to.
    if (!isErrno(error, 'EINVAL', 'ENOTSUP')) throw error;
  } finally {
    await handle.close();
  }
}

type Bytes = string | Uint8Array | AsyncIterable<Uint8Array>;

const isWhole = (text: Bytes): text is string | Uint8Array => typeof text === 'string' || text instanceof Uint8Array;

/**
 * Writes and syncs a new file. Fails if the name is taken; after another failure the name is free again.
 *
 * @param owner its owner; null = the current user
 */
export async function writeNew(file: string, text: Bytes, mode: number, owner: Owner | null = null): Promise<void> {
  const handle = await open(file, 'wx', mode);
  try {
    await fill(handle, text, owner);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

/** Writes and closes a file. Closing may fail, too: some network file systems report a full disk only then. */
async function fill(handle: FileHandle, text: Bytes, owner: Owner | null): Promise<void> {
  try {
    for await (const bytes of isWhole(text) ? [text] : text) await handle.writeFile(bytes);
    await give(handle, owner);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Gives a finished file a second name if that name is free: of several concurrent attempts, one succeeds.
 *
 * If the file system has no hard links (FAT, some network shares), the content is copied to a name that is created exclusively.
 *
 * @returns how it got the name; null = the name is taken
 */
export async function claimName(finished: string, name: string): Promise<'linked' | 'copied' | null> {
  try {
    await link(finished, name);
    return 'linked';
  } catch (error) {
    // Over NFS the reply to a successful link may get lost, and its repetition fails.
    if (isErrno(error, 'EEXIST')) return (await lstat(finished)).nlink > 1 ? 'linked' : null;
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK')) throw error;
    return copyExclusively(finished, name);
  }
}

async function copyExclusively(finished: string, name: string): Promise<'copied' | null> {
  const source = await open(finished, O_RDONLY | O_NOFOLLOW);
  try {
    const facts = await source.stat();
    await writeNew(name, source.createReadStream({ autoClose: false }), facts.mode & 0o777, facts);
    return 'copied';
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return null;
    throw error;
  } finally {
    await source.close();
  }
}

/**
 * Appends one line to an existing file in one write and syncs it. A line truncated by a crash is ended first, so that it spoils only itself.
 *
 * @param owner new owner of the file; null = unchanged
 * @returns whether the file exists
 */
export async function appendLine(file: string, line: string, owner: Owner | null): Promise<boolean> {
  const handle = await openExisting(file);
  if (handle === null) return false;
  try {
    const { size } = await handle.stat();
    const last = Buffer.from('\n');
    if (size > 0) await handle.read(last, 0, 1, size - 1);
    const bytes = Buffer.from(`${last[0] === 0x0a ? '' : '\n'}${line}\n`);
    await give(handle, owner);
    const { bytesWritten } = await handle.write(bytes);
    await handle.sync();
    if (bytesWritten < bytes.length) throw new PotctlError('E_NO_SPACE', `no space to append to '${file}'`);
  } finally {
    await handle.close();
  }
  await syncPath(path.dirname(file));
  return true;
}

async function openExisting(file: string): Promise<FileHandle | null> {
  try {
    return await open(file, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Removes a file; no error if there is none. Uses unlink, because in a sticky folder `rm` would report ENOTDIR instead of EPERM. */
export async function removeFile(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Which part of a file to read, and its name in errors. */
export interface Wanted {
  readonly name: string;
  /** Maximum size of the whole file, in bytes. */
  readonly limit?: number;
  readonly from?: number;
  readonly length?: number;
}

/**
 * Reads a regular file below `root` (itself free of symbolic links) without following symbolic links.
 *
 * @returns undefined if there is none
 * @throws PotctlError E_BACKUP_CORRUPT for links, pipes, folders and files larger than `limit` bytes
 */
export async function readContained(root: string, name: string, limit: number): Promise<string | undefined> {
  return (await readPlainFile(path.join(root, name), { name, limit }))?.toString('utf8');
}

/** Reads as {@link readContained} does, but returns bytes. @param file absolute; the path above its folder is free of symbolic links */
export async function readPlainFile(file: string, wanted: Wanted): Promise<Buffer | undefined> {
  try {
    const handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    return await readPart(handle, file, wanted);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw isErrno(error, 'ELOOP', 'ENXIO') ? notRegular(wanted.name) : error;
  }
}

/** Uses few system calls: a catalog reads thousands of these files. */
async function readPart(handle: FileHandle, file: string, wanted: Wanted): Promise<Buffer> {
  const { name, limit = Number.POSITIVE_INFINITY, from = 0, length = Number.POSITIVE_INFINITY } = wanted;
  try {
    const folder = path.dirname(file);
    const [facts, real] = await Promise.all([handle.stat(), realpath(folder)]);
    if (!facts.isFile() || real !== folder) throw notRegular(name);
    if (facts.size > limit) throw new PotctlError('E_BACKUP_CORRUPT', `'${name}' is larger than ${limit} bytes`);
    const bytes = Buffer.alloc(Math.max(0, Math.min(facts.size - from, length)));
    let end = 0;
    for (let got = -1; end < bytes.length && got !== 0; end += got) {
      got = (await handle.read(bytes, end, bytes.length - end, from + end)).bytesRead;
    }
    return bytes.subarray(0, end);
  } finally {
    await handle.close();
  }
}

function notRegular(name: string): PotctlError {
  return new PotctlError('E_BACKUP_CORRUPT', `'${name}' is not a regular file`, {
    why: 'a repository never contains symbolic links or special files',
  });
}

/**
 * Creates a folder that only its owner can enter, and syncs its name; an existing one is unchanged.
 *
 * @returns whether it was created
 * @throws PotctlError E_REPOSITORY_FORMAT if something else has the name, even a link to a folder
 */
export async function ensureFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    if (!(await lstat(folder)).isDirectory()) throw notOurs(folder);
    return false;
  }
  await syncPath(path.dirname(folder));
  return true;
}

/**
 * Refuses to write through a link.
 *
 * @param folder within `root`
 * @throws PotctlError E_REPOSITORY_FORMAT if a link leads elsewhere; ENOENT
 */
export async function requireWithin(root: string, folder: string): Promise<void> {
  if (!(await isWithin(root, folder))) throw notOurs(folder);
}

/** Returns whether a folder is below `root` where its name says; false if a link leads elsewhere. */
export async function isWithin(root: string, folder: string): Promise<boolean> {
  const [real, top] = await Promise.all([realpath(folder), realpath(root)]);
  return real === path.join(top, path.relative(root, folder));
}

/** Not reported as denied access: that would look like a repository of another user, which only causes a warning. */
function notOurs(folder: string): PotctlError {
  return new PotctlError('E_REPOSITORY_FORMAT', `'${folder}' is not a directory`, {
    why: 'a symbolic link or something else has its name, and potctl does not write through links',
    fix: [`Find out who put it there: \`ls -ld '${folder}'\``, 'Restore the directory, then repeat the command.'],
  });
}
