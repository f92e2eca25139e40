import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isErrno, PotctlError } from '../../kernel/errors.js';
import { isDenied } from '../failures.js';
import type { Claim, Claims } from '../storage.js';
import { claimName, readContained, removeFile, uniqueSuffix, writeNew } from './durable.js';

const { O_NOFOLLOW, O_RDWR } = constants;

const LIMIT = 64 * 1024;
/** Debris whose owner cannot be judged is left alone for so long, by the file system's own clock. */
const DEBRIS_AGE_MS = 10 * 60_000;
const SUFFIX = /^\.[0-9a-f]{12}$/;

/** Claims as files of one folder. @param root absolute, free of symbolic links */
export function claimsIn(root: string): Claims {
  return {
    claim: (key, text) => claim(path.join(root, key), text),
    removeIf: (key, isJudged) => removeIf(root, key, isJudged),
    sweep: (key, isDead, nowMs) => sweepDebris(root, key, { isDead, nowMs }),
  };
}

/** The open file stays this very one when somebody renames it. */
async function claim(file: string, text: string): Promise<Claim | null> {
  const candidate = `${file}.${uniqueSuffix()}`;
  await writeNew(candidate, text, 0o644);
  try {
    const handle = await openNamed(candidate, file);
    return handle === null ? null : await claimOf(handle, text);
  } catch (error) {
    // Somebody swept the candidate, or took over what had to be copied before it could be opened: the next attempt will tell.
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  } finally {
    await rm(candidate, { force: true });
  }
}

/** It is open before it has the name: by the name it may be another one, or away for a moment. */
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
  // Of the open file: by name it may be away for a moment, on its way back from somebody who judged an older one.
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
    // What was written there was only a sign of life: a close that fails must not keep the claim, nor fail work that is done.
    close: () => handle.close().catch(() => {}),
  };
}

/**
 * It is renamed first: of several that judged it, only one gets it, and what turns out to be another one is put back. While it is away,
 * somebody may claim the name, and a living holder has lost its claim: so it is looked at once more right before, since judging takes its
 * time.
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

/** Of what is no plain file, or is not for this user, only the age tells anything. */
async function readDebris(root: string, name: string): Promise<string> {
  try {
    return (await readContained(root, name, LIMIT)) ?? '';
  } catch (error) {
    if (isDenied(error) || (error instanceof PotctlError && error.code === 'E_BACKUP_CORRUPT')) return '';
    throw error;
  }
}

/** It hinders nobody: whoever left it removes it. */
function ignoreDenied(error: unknown): void {
  if (!isDenied(error)) throw error;
}
