import { randomBytes } from 'node:crypto';
import { PotctlError } from '../kernel/errors.js';
import type { Storage } from '../storage/storage.js';
import { RESERVE } from './format.js';

/** Enough for a lock, for tombstones and for the record of a restore. */
const RESERVE_BYTES = 64 * 1024;
/** Kept free in addition to the reserve: on a disk that is full except for it, the reserve would be in the way. */
const MARGIN_BYTES = 1024 * 1024;

/**
 * Runs `work`; if the disk is full, frees the reserve and runs it again. So a repository that filled its disk can still be locked, to
 * remove or restore something.
 */
export async function withReserve<T>(storage: Storage, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PotctlError) || error.code !== 'E_NO_SPACE' || !(await freeReserve(storage))) throw error;
    return work();
  }
}

/** Restores the reserve if it is missing and there is space. Never rejects: it is only an aid. */
export async function layReserve(storage: Storage): Promise<void> {
  try {
    if ((await storage.stat(RESERVE)) !== null) return;
    const free = await storage.freeBytes();
    // Random bytes: a compressing file system would reserve nothing for zeros.
    if (free !== null && free > RESERVE_BYTES + MARGIN_BYTES)
      await storage.put(RESERVE, randomBytes(RESERVE_BYTES / 2).toString('hex'), { create: true });
  } catch {
    // The next holder of the lock tries again.
  }
}

async function freeReserve(storage: Storage): Promise<boolean> {
  if ((await storage.stat(RESERVE).catch(() => null)) === null) return false;
  await storage.remove(RESERVE);
  return true;
}
