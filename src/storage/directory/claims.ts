import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isErrno, PotctlError } from '../../kernel/errors.js';
import { isDenied } from '../failures.js';
import type { Claim, Claims } from '../storage.js';
import { claimName, readContained, removeFile, uniqueSuffix, writeNew } from './durable.js';

const { O_NOFOLLOW, O_RDWR } = constants;

const LIMIT = 64 * 1024;
/** Debris of an unknown owner is left alone for this long, by the clock of the file system. */
const DEBRIS_AGE_MS = 10 * 60_000;
const SUFFIX = /^\.[0-9a-f]{12}$/;

/** Implements claims as files in one folder. @param root absolute, free of symbolic links */
export function claimsIn(root: string): Claims {
  return {
    claim: (key, text) => claim(path.join(root, key), text),
    removeIf: (key, isJudged) => removeIf(root, key, isJudged),
    sweep: (key, isDead, nowMs) => sweepDebris(root, key, { isDead, nowMs }),
  };
}

/** Claims a file. The open handle keeps referring to it when somebody renames it. */
async function claim(file: string, text: string): Promise<Claim | null> {
  const candidate = `${file}.${uniqueSuffix()}`;
  await writeNew(candidate, text, 0o644);
  try {
    const handle = await openNamed(candidate, file);
    return handle === null ? null : await claimOf(handle, text);
  } catch (error) {
    // Another process swept the candidate, or took over a copy before it could be opened: the caller tries again.
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  } finally {
    await rm(candidate, { force: true });
  }
}

/** Opens the candidate before it gets the name: by name it could be another file, or absent for a moment. */
async function openNamed(candidate: string, file: string): Promise<FileHandle | null> {
  const handle = await open(candidate, O_RDWR | O_NOFOLLOW);
  let named: Awaited<ReturnType<typeof claimName>> = null;
  try {
    named = await claimName(candidate, file);
  } finally {
    if (named !== 'linked') await handle.close();
  }
  if (named === 'copied') return open(file, O_RDWR | O_NOFOLLOW);
  return named === null ? null : handle;
}

async function claimOf(handle: FileHandle, text: string): Promise<Claim> {
  // Of the open file: by name it may be absent for a moment, while another process that checked an older claim puts it back.
  const { mtimeMs: stampedMs } = await handle.stat();
  let written = Buffer.from(text);
  return {
    stampedMs,
    async renew(next) {
      const bytes = Buffer.from(next);
      if (bytes.length !== written.length) throw new Error('a claim keeps its length');
      const from = bytes.findIndex((byte, at) => byte !== written[at]);
      if (from >= 0) await handle.write(bytes, from, bytes.length - from, from);
      written = bytes;
      await handle.datasync();
    },
    // Only heartbeats were written: a failed close must neither keep the claim nor fail finished work.
    close: () => handle.close().catch(() => {}),
  };
}

/**
 * Removes a claim. It is renamed first, so that only one of several processes gets it, and a wrong one is put back. While it is away,
 * somebody may claim the name, and a living holder has lost its claim: so it is checked again right before the rename, since the decision
 * takes time.
 */
async function removeIf(root: string, key: string, isJudged: (text: string) => boolean): Promise<boolean> {
  const standing = await readContained(root, key, LIMIT);
  if (standing === undefined || !isJudged(standing)) return false;
  const aside = `${key}.${uniqueSuffix()}`;
  try {
    await rename(path.join(root, key), path.join(root, aside));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  const judged = isJudged((await readContained(root, aside, LIMIT)) ?? '');
  if (!judged) await claimName(path.join(root, aside), path.join(root, key));
  await rm(path.join(root, aside), { force: true });
  return judged;
}

async function sweepDebris(
  root: string,
  key: string,
  { isDead, nowMs }: { isDead: (text: string) => Promise<boolean>; nowMs: number },
): Promise<void> {
  const isDebris = (name: string): boolean => name.startsWith(key) && SUFFIX.test(name.slice(key.length));
  for (const name of (await readdir(root)).filter(isDebris)) {
    const file = path.join(root, name);
    const facts = await lstat(file).catch(() => null);
    if (facts === null || facts.isDirectory()) continue;
    const isOld = nowMs - facts.mtimeMs > DEBRIS_AGE_MS;
    if (isOld || (await isDead(await readDebris(root, name)))) await removeFile(file).catch(ignoreDenied);
  }
}

/** Returns the text of debris; empty if it is not a regular file or not readable, so that only its age counts. */
async function readDebris(root: string, name: string): Promise<string> {
  try {
    return (await readContained(root, name, LIMIT)) ?? '';
  } catch (error) {
    if (isDenied(error) || (error instanceof PotctlError && error.code === 'E_BACKUP_CORRUPT')) return '';
    throw error;
  }
}

/** Ignores debris of other users: it does no harm, and they can remove it. */
function ignoreDenied(error: unknown): void {
  if (!isDenied(error)) throw error;
}
