import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from '../kernel/errors.js';
import { type HostIdentity, isGone } from '../kernel/host-identity.js';
import { claimName, readContained, uniqueSuffix, writeNew } from '../storage/directory/durable.js';
import { LOCK } from './format.js';

const LOCK_LIMIT = 64 * 1024;
const COUNTER_DIGITS = 12;
/** Debris whose owner cannot be judged is left alone for so long, by the file system's own clock. */
const DEBRIS_AGE_MS = 10 * 60_000;
const DEBRIS = /^potctl\.lock\.[0-9a-f]{12}$/;

/** Who holds a lock, as written into its first line. */
export interface LockHolder {
  /** Never the same twice. */
  readonly token: string;
  readonly command: string;
  readonly runId: string;
  /** `user@host` */
  readonly operator: string;
  /** RFC 3339 UTC by the holder's clock; for people only. */
  readonly since: string;
  readonly host: HostIdentity;
}

/** A lock as found on disk. Its text changes with every heartbeat. */
export interface SeenLock {
  readonly text: string;
  /** null when its first line cannot be read. */
  readonly holder: LockHolder | null;
}

/** The lock as it stands on disk; null when there is none. */
export async function readLock(root: string): Promise<SeenLock | null> {
  const text = await readContained(root, LOCK, LOCK_LIMIT);
  return text === undefined ? null : { text, holder: parseHolder(text) };
}

/**
 * Tries to become the holder. The lock appears with its whole content, or not at all.
 *
 * @returns the open lock, for heartbeats; it stays this very file when somebody renames it. null if the lock is taken
 */
export async function claimLock(root: string, holder: LockHolder): Promise<FileHandle | null> {
  const candidate = path.join(root, `${LOCK}.${uniqueSuffix()}`);
  await writeNew(candidate, holderText(holder), 0o644);
  try {
    return (await claimName(candidate, path.join(root, LOCK))) ? await open(path.join(root, LOCK), 'r+') : null;
  } catch (error) {
    // Somebody swept the candidate, or took the lock over before it could be opened: the next attempt will tell.
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  } finally {
    await rm(candidate, { force: true });
  }
}

/** Moves the counter in the second line on; the holder's sign of life. */
export async function beat(lock: FileHandle, holder: LockHolder, count: number): Promise<void> {
  await lock.write(counterText(count), Buffer.byteLength(JSON.stringify(holder)) + 1);
  await lock.datasync();
}

/**
 * Removes the lock if `isJudged` recognises it. It is renamed first: of several that judged it, only one gets it, and what turns out to
 * be another lock is put back. While it is away, somebody may claim the name, and a living holder has lost its lock: so it is looked at
 * once more right before, since judging takes its time.
 */
export async function removeLock(root: string, isJudged: (lock: SeenLock) => boolean): Promise<boolean> {
  const standing = await readLock(root);
  if (standing === null || !isJudged(standing)) return false;
  const aside = `${LOCK}.${uniqueSuffix()}`;
  try {
    await rename(path.join(root, LOCK), path.join(root, aside));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  const text = (await readContained(root, aside, LOCK_LIMIT)) ?? '';
  const judged = isJudged({ text, holder: parseHolder(text) });
  if (!judged) await claimName(path.join(root, aside), path.join(root, LOCK));
  await rm(path.join(root, aside), { force: true });
  return judged;
}

/** Milliseconds since the last sign of life, by the clock of the file system that stamped both: hosts' clocks are not compared. */
export async function lockAgeMs(root: string): Promise<number> {
  const probe = path.join(root, `${LOCK}.${uniqueSuffix()}`);
  await writeNew(probe, '', 0o600);
  try {
    const [now, then] = await Promise.all([stat(probe), stat(path.join(root, LOCK))]);
    return Math.max(0, now.mtimeMs - then.mtimeMs);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0;
    throw error;
  } finally {
    await rm(probe, { force: true });
  }
}

/** Removes candidates and renamed locks that dead runs left behind. The caller holds the lock since `takenMs`, by the file system's clock. */
export async function sweepLockDebris(root: string, ours: HostIdentity, takenMs: number): Promise<void> {
  for (const name of (await readdir(root)).filter((name) => DEBRIS.test(name))) {
    const text = (await readContained(root, name, LOCK_LIMIT)) ?? '';
    const owner = parseHolder(text)?.host;
    const facts = await stat(path.join(root, name)).catch(() => null);
    const isOld = facts !== null && takenMs - facts.mtimeMs > DEBRIS_AGE_MS;
    if (isOld || (owner !== undefined && (await isGone(owner, ours)))) await rm(path.join(root, name), { force: true });
  }
}

/** What {@link claimLock} writes, and {@link parseHolder} reads. */
export function holderText(holder: LockHolder): string {
  return `${JSON.stringify(holder)}\n${counterText(0)}\n`;
}

function counterText(count: number): string {
  return String(count).padStart(COUNTER_DIGITS, '0');
}

/** The holder in the first line of a lock; null when it cannot be read. */
export function parseHolder(text: string): LockHolder | null {
  try {
    const value = JSON.parse(text.slice(0, text.indexOf('\n'))) as Partial<LockHolder> | null;
    const texts = [value?.token, value?.command, value?.runId, value?.operator, value?.since, value?.host?.hostname];
    const isWhole = texts.every((item) => typeof item === 'string') && Number.isSafeInteger(value?.host?.pid);
    return isWhole && Number(value?.host?.pid) > 0 ? (value as LockHolder) : null;
  } catch {
    return null;
  }
}
