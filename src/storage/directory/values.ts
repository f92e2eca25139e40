import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, type FileHandle, link, lstat, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isErrno, PotctlError } from '../../kernel/errors.js';
import type { Hashed } from '../following-hash.js';
import { hashFile } from '../hash.js';
import type { Content, GetOptions, Layout, LocalFile, PutOptions, Stat, Storage } from '../storage.js';
import {
  appendLine,
  claimName,
  ensureFolder,
  isWithin,
  readPlainFile,
  removeFile,
  requireWithin,
  syncPath,
  uniqueSuffix,
  writeNew,
} from './durable.js';
import { give, giveFolder, type Owner, ownerOf } from './owners.js';

const { O_NOFOLLOW, O_RDONLY } = constants;

const TEMPORARY = /^\.([A-Za-z0-9_][A-Za-z0-9._-]*)\.[0-9a-f]{12}\.tmp$/;
/** A younger temporary file may still be in use. */
const TEMPORARY_AGE_MS = 60_000;

type Values = Pick<Storage, 'put' | 'append' | 'get' | 'stat' | 'list' | 'remove' | 'localFile' | 'now' | 'tidy'>;

/**
 * Implements values as files below a folder.
 *
 * @param root absolute, free of symbolic links; need not exist yet
 * @param layout null = it has no groups
 * @param wasThere whether the root has existed: if so, a missing one is gone, not empty
 */
export function valuesIn(root: string, layout: Layout | null = null, wasThere: () => boolean = () => false): Values {
  const fileOf = (key: string): string => path.join(root, checkedKey(key));
  return {
    async put(key, content, options = {}) {
      const file = fileOf(key);
      const owner = await prepare(root, key, options.ownedLike);
      return write(file, content, { ...options, owner });
    },
    async append(key, line, { ownedLike } = {}) {
      const file = fileOf(key);
      const owner = await prepare(root, key, ownedLike);
      // A new file gets its name with its first line: an empty one would look as if its lines were lost.
      while (!(await appendLine(file, line, owner)))
        if ((await write(file, `${line}\n`, { create: true, owner })) !== null) return;
    },
    get: (key, options: GetOptions = {}) => readPlainFile(fileOf(key), { ...options, name: nameOf(key, layout) }),
    stat: (key) => statFile(fileOf(key)),
    async list(folder) {
      if (folder !== '') return namesIn(fileOf(folder));
      return wasThere() ? readdir(root) : namesIn(root);
    },
    async remove(key) {
      const file = fileOf(key);
      if (await isOurs(root, path.dirname(file))) await removeFile(file);
    },
    async localFile(key) {
      const file = fileOf(key);
      return (await statFile(file)) === null ? undefined : file;
    },
    now: (key) => timeOfNewFile(fileOf(key)),
    async tidy(key, isKey, nowMs) {
      const folder = key === '' ? root : fileOf(key);
      if (await isOurs(root, folder)) await tidyFolder(folder, isKey, nowMs);
    },
  };
}

/** Keys are created by potctl: one that leads elsewhere is a bug. */
function checkedKey(key: string): string {
  const isPlain = key.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
  if (!isPlain || key.includes('\0')) throw new Error(`'${key}' is not a key`);
  return key;
}

/** Returns the name of a value for messages: in a group its name there. */
function nameOf(key: string, layout: Layout | null): string {
  const isInGroup = layout !== null && key.startsWith(`${layout.folder}/`);
  return isInGroup ? key.split('/').slice(2).join('/') : key;
}

const topOf = (key: string): string | null => (key.split('/').length === 2 ? path.dirname(key) : null);

/** Returns whether files in a folder may be removed: not through a link, and not if it does not exist. */
async function isOurs(root: string, folder: string): Promise<boolean> {
  try {
    return await isWithin(root, folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/** Creates the top folder of a key if it is missing. @returns the owner for the value; null = the current user */
async function prepare(root: string, key: string, model: string | undefined): Promise<Owner | null> {
  const owner = model === undefined ? null : await ownerOf(path.join(root, model));
  const top = topOf(key);
  // An existing folder may be shared, so its owner is unchanged.
  if (top !== null && (await ensureFolder(path.join(root, top)))) await giveFolder(path.join(root, top), owner);
  await requireWithin(root, path.join(root, path.dirname(key)));
  return owner;
}

interface Writing extends PutOptions {
  readonly owner: Owner | null;
}

/** Writes to a temporary file in the same folder, which then gets the name. */
async function write(file: string, content: Content, { create, readable, owner }: Writing): Promise<Hashed | null> {
  const folder = path.dirname(file);
  const temporary = path.join(folder, `.${path.basename(file)}.${uniqueSuffix()}.tmp`);
  // A source that already has this name is not removed.
  const source = isMoved(content) && (await realpath(content.file)) !== file ? content.file : null;
  // A claim is verified by the link count of the file, so the file must have no other name.
  const mayLink = !create && owner === null;
  const hashed = await fillNew(temporary, content, { mode: readable ? 0o644 : 0o600, mayLink, owner });
  try {
    if (!create) await rename(temporary, file);
    else if ((await claimName(temporary, file)) === null) return null;
  } finally {
    // Also after a rename: renaming one of two names of a file to the other removes none.
    await rm(temporary, { force: true });
  }
  await syncPath(folder);
  if (source !== null) await rm(source, { force: true });
  return hashed;
}

const isMoved = (content: Content): content is LocalFile =>
  typeof content === 'object' && 'file' in content && content.move === true;

interface Filling {
  readonly mode: number;
  readonly mayLink: boolean;
  readonly owner: Owner | null;
}

async function fillNew(file: string, content: Content, filling: Filling): Promise<Hashed> {
  if (typeof content === 'string' || content instanceof Uint8Array) {
    await writeNew(file, content, filling.mode, filling.owner);
    return { size: Buffer.byteLength(content), sha256: createHash('sha256').update(content).digest('hex') };
  }
  try {
    return 'file' in content ? await takeFile(file, content, filling) : await fillFrom(file, content, filling);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

async function fillFrom(
  file: string,
  content: AsyncIterable<Uint8Array>,
  { mode, owner }: Pick<Filling, 'mode' | 'owner'>,
): Promise<Hashed> {
  const hash = createHash('sha256');
  let size = 0;
  const handle = await open(file, 'wx', mode);
  try {
    for await (const bytes of content) {
      await handle.writeFile(bytes);
      hash.update(bytes);
      size += bytes.length;
    }
    await give(handle, owner);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { size, sha256: hash.digest('hex') };
}

/** Takes over a local file: by a hard link if that leaves the source unchanged, so that a failure changes nothing. */
async function takeFile(file: string, { file: source, move }: LocalFile, filling: Filling): Promise<Hashed> {
  const isAsWanted = move === true && (await isMovable(source, filling.mode));
  const isCopied = !(isAsWanted && filling.mayLink && (await isLinked(source, file)));
  if (isCopied) await copyFile(source, file);
  const handle = await open(file, O_RDONLY | O_NOFOLLOW);
  await settle(handle, isCopied ? filling : null).finally(() => handle.close());
  return hashFile(file, new AbortController().signal);
}

/** Returns whether a file has our mode and owner. @throws PotctlError E_IO if it is not a regular file: a link could lead anywhere */
async function isMovable(source: string, mode: number): Promise<boolean> {
  const facts = await lstat(source);
  if (!facts.isFile()) throw new PotctlError('E_IO', `'${source}' is not a regular file`);
  return (facts.mode & 0o7777) === mode && facts.uid === process.geteuid?.();
}

async function isLinked(source: string, file: string): Promise<boolean> {
  try {
    await link(source, file);
    return true;
  } catch (error) {
    if (isErrno(error, 'EXDEV', 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK')) return false;
    throw error;
  }
}

/** @param changes null = nothing to change */
async function settle(handle: FileHandle, changes: Pick<Filling, 'mode' | 'owner'> | null): Promise<void> {
  if (changes !== null) {
    await handle.chmod(changes.mode);
    await give(handle, changes.owner);
  }
  await handle.sync();
}

async function statFile(file: string): Promise<Stat | null> {
  try {
    const facts = await lstat(file);
    return facts.isFile() ? { size: facts.size, modifiedMs: facts.mtimeMs } : null;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Returns the time of a new file: the clock of the file system may be that of another machine. */
async function timeOfNewFile(file: string): Promise<number> {
  const probe = `${file}.${uniqueSuffix()}`;
  await writeNew(probe, '', 0o600);
  try {
    return (await stat(probe)).mtimeMs;
  } finally {
    await rm(probe, { force: true });
  }
}

async function tidyFolder(folder: string, isKey: (name: string) => boolean, nowMs: number): Promise<void> {
  // A folder that only another user can enter is tidied by that user.
  for (const name of await namesIn(folder).catch(noneIfDenied)) {
    const [, key] = TEMPORARY.exec(name) ?? [];
    if (key === undefined || !isKey(key)) continue;
    const file = path.join(folder, name);
    const facts = await stat(file).catch(() => null);
    // With two names it is complete: only its temporary name was not removed.
    const isOver = facts !== null && (facts.nlink > 1 || nowMs - facts.mtimeMs > TEMPORARY_AGE_MS);
    if (isOver) await removeFile(file).catch(noneIfDenied);
  }
}

function noneIfDenied(error: unknown): string[] {
  if (isErrno(error, 'EACCES', 'EPERM')) return [];
  throw error;
}
