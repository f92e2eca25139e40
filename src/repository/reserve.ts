import { randomBytes } from 'node:crypto';
import { PotctlError } from '../kernel/errors.js';
import type { Storage } from '../storage/storage.js';
import { RESERVE } from './format.js';

/** Enough for a lock, for tombstones and for the record of a restore. */
const RESERVE_BYTES = 64 * 1024;
/** Left free beside the reserve: on a disk that is full but for it, it would be in the way. */
const MARGIN_BYTES = 1024 * 1024;

/**
 * Does `work`; where the disk has no room for it, gives the reserve away and does it again. So a repository that filled its disk can still be
 * locked, to remove something or to restore from it.
 */
export async function withReserve<T>(storage: Storage, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PotctlError) || error.code !== 'E_NO_SPACE' || !(await giveAway(storage))) throw error;
    return work();
  }
}

/** Lays the reserve back where there is room for it and none lies. Never rejects: it is a help, and no more. */
export async function layReserve(storage: Storage): Promise<void> {
  try {
    if ((await storage.stat(RESERVE)) !== null) return;
    const free = await storage.freeBytes();
    // Of random bytes: a file system that compresses would keep nothing of zeros.
    if (free !== null && free > RESERVE_BYTES + MARGIN_BYTES)
      await storage.put(RESERVE, randomBytes(RESERVE_BYTES / 2).toString('hex'), { create: true });
  } catch {
    // The next one who has the lock tries again.
  }
}

async function giveAway(storage: Storage): Promise<boolean> {
  if ((await storage.stat(RESERVE).catch(() => null)) === null) return false;
  await storage.remove(RESERVE);
  return true;
}
