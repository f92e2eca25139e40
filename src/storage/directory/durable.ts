import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, realpath, rm, unlink } from 'node:fs/promises';
import path from 'node:path';
import { isErrno, PotctlError } from '../../kernel/errors.js';
import { give, type Owner } from './owners.js';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/** 12 hex digits that nobody else has. */
export function uniqueSuffix(): string {
  return randomBytes(6).toString('hex');
}

/** Makes a file's bytes, or a folder's entries, survive a power failure. */
export async function syncPath(target: string): Promise<void> {
  const handle = await open(target, O_RDONLY | O_NOFOLLOW);
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a folder and do it by themselves.
    if (!isErrno(error, 'EINVAL', 'ENOTSUP')) throw error;
  } finally {
    await handle.close();
  }
}

type Bytes = string | Uint8Array | AsyncIterable<Uint8Array>;

const isWhole = (text: Bytes): text is string | Uint8Array => typeof text === 'string' || text instanceof Uint8Array;

/**
 * Writes a new file and makes it durable. Fails if the name is taken; after another failure the name is free again.
 *
 * @param owner whom it belongs to; null = whoever writes it
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

/** Closing may fail, too: some network file systems tell only then that the disk is full. */
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
 * Gives a finished file a second name if that name is free: of several that try at once, one succeeds.
 *
 * Where the file system has no hard links (FAT, some network shares) the content is copied to a name taken exclusively.
 *
 * @returns how it got the name; null = the name is taken
 */
export async function claimName(finished: string, name: string): Promise<'linked' | 'copied' | null> {
  try {
    await link(finished, name);
    return 'linked';
  } catch (error) {
    // Over NFS the answer to a link that succeeded may get lost, and its repetition fails.
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
 * Adds one line in one write and makes it durable. A line that a crash cut off before it is closed, so that it spoils only itself.
 *
 * @param owner whom the file belongs to; null = it stays as it is
 */
export async function appendLine(file: string, line: string, owner: Owner | null): Promise<void> {
  const handle = await open(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const { size } = await handle.stat();
    const last = Buffer.from('\n');
    if (size > 0) await handle.read(last, 0, 1, size - 1);
    const bytes = Buffer.from(`${last[0] === 0x0a ? '' : '\n'}${line}\n`);
    await give(handle, owner);
    const { bytesWritten } = await handle.write(bytes);
    await handle.sync();
    if (bytesWritten < bytes.length) throw new PotctlError('E_NO_SPACE', `no space for a line in '${file}'`);
  } finally {
    await handle.close();
  }
  await syncPath(path.dirname(file));
}

/** No error if there is none. In a folder whose files only their owners remove, `rm` would tell ENOTDIR instead of EPERM. */
export async function removeFile(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Which part of a file, and under which name errors speak of it. */
export interface Wanted {
  readonly name: string;
  /** In bytes, of the whole file. */
  readonly limit?: number;
  readonly from?: number;
  readonly length?: number;
}

/**
 * Reads a regular file below `root` (itself free of symbolic links) and follows no symbolic link on the way.
 *
 * @returns undefined if there is none
 * @throws PotctlError E_BACKUP_CORRUPT for links, pipes, folders and what is larger than `limit` bytes
 */
export async function readContained(root: string, name: string, limit: number): Promise<string | undefined> {
  return (await readPlainFile(path.join(root, name), { name, limit }))?.toString('utf8');
}

/** As {@link readContained}, in bytes. @param file absolute; what stands above its folder is free of symbolic links */
export async function readPlainFile(file: string, wanted: Wanted): Promise<Buffer | undefined> {
  try {
    const handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    return await readPart(handle, file, wanted);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw isErrno(error, 'ELOOP', 'ENXIO') ? notPlain(wanted.name) : error;
  }
}

/** Few calls: a catalogue reads thousands of these. */
async function readPart(handle: FileHandle, file: string, wanted: Wanted): Promise<Buffer> {
  const { name, limit = Number.POSITIVE_INFINITY, from = 0, length = Number.POSITIVE_INFINITY } = wanted;
  try {
    const folder = path.dirname(file);
    const [facts, real] = await Promise.all([handle.stat(), realpath(folder)]);
    if (!facts.isFile() || real !== folder) throw notPlain(name);
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

function notPlain(name: string): PotctlError {
  return new PotctlError('E_BACKUP_CORRUPT', `'${name}' is not a plain file`, {
    why: 'potctl writes no symbolic links or special files into a repository',
  });
}

/**
 * Makes a folder that only its owner enters, and its name durable; one that is there already stays as it is.
 *
 * @returns was it made?
 * @throws PotctlError E_REPOSITORY_FORMAT if something else stands in its place, also a link to a folder
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
 * Nothing is written through a link.
 *
 * @param folder within `root`
 * @throws PotctlError E_REPOSITORY_FORMAT if a link leads elsewhere; ENOENT
 */
export async function requireWithin(root: string, folder: string): Promise<void> {
  if (!(await isWithin(root, folder))) throw notOurs(folder);
}

/** Is the folder where its name says, below `root`? false where a link leads elsewhere. */
export async function isWithin(root: string, folder: string): Promise<boolean> {
  const [real, top] = await Promise.all([realpath(folder), realpath(root)]);
  return real === path.join(top, path.relative(root, folder));
}

/** Never told as a missing right: that would pass for a repository of somebody else, whose history is only warned of. */
function notOurs(folder: string): PotctlError {
  return new PotctlError('E_REPOSITORY_FORMAT', `'${folder}' is not a directory`, {
    why: 'a symbolic link or something else stands in its place, and potctl writes through no link',
    fix: [`Find out who put it there: \`ls -ld '${folder}'\``, 'Put the directory back in its place, then repeat.'],
  });
}
