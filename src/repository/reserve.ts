import { randomBytes } from 'node:crypto';
import { rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { PotctlError } from '../kernel/errors.js';
import { writeNew } from '../storage/directory/durable.js';
import { RESERVE } from './format.js';

/** Enough for a lock, for tombstones and for the record of a restore. */
const RESERVE_BYTES = 64 * 1024;
/** Left free beside the reserve: on a disk that is full but for it, it would be in the way. */
const MARGIN_BYTES = 1024 * 1024;

/**
 * Does `work`; where the disk has no room for it, gives the reserve away and does it again. So a repository that filled its disk can still be
 * locked, to remove something or to restore from it.
 */
export async function withReserve<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PotctlError) || error.code !== 'E_NO_SPACE' || !(await giveAway(root))) throw error;
    return work();
  }
}

/** Lays the reserve back where there is room for it and none lies. Never rejects: it is a help, and no more. */
export async function layReserve(root: string): Promise<void> {
  const file = path.join(root, RESERVE);
  try {
    const isThere = await stat(file).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    const { bavail, bsize } = await statfs(root);
    // Of random bytes: a file system that compresses would keep nothing of zeros.
    if (bavail * bsize > RESERVE_BYTES + MARGIN_BYTES)
      await writeNew(file, randomBytes(RESERVE_BYTES / 2).toString('hex'), 0o600);
  } catch {
    // The next one who has the lock tries again.
  }
}

async function giveAway(root: string): Promise<boolean> {
  const file = path.join(root, RESERVE);
  const facts = await stat(file).catch(() => null);
  if (facts === null) return false;
  await rm(file, { force: true });
  return true;
}
