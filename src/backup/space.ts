import { PotctlError } from '../kernel/errors.js';
import type { Repository } from '../repository/repository.js';

/** What is known before a backup about the room it will need; bytes. */
export interface SpaceFacts {
  /** Stored size of the newest backup of the same set and parts, null if there is none. */
  readonly previousStored: number | null;
  readonly databaseBytes: number;
  readonly treeBytes: number;
}

const MEBIBYTE = 1 << 20;

/**
 * Bytes that a backup will need at most, most likely: the last one and a tenth, else the files as they are and half of the database
 * (a compressed dump without indexes was measured at a quarter to a third of it). Plus a reserve of 16 MiB.
 */
export function estimateNeed({ previousStored, databaseBytes, treeBytes }: SpaceFacts): number {
  const guess = previousStored === null ? databaseBytes / 2 + treeBytes : previousStored * 1.1;
  return Math.ceil(guess) + 16 * MEBIBYTE;
}

/**
 * Refuses a backup that would not fit, before anything is written.
 *
 * @returns the estimate in bytes and what is free (null where the repository cannot tell)
 * @throws E_NO_SPACE with both figures
 */
export async function requireSpace(
  repository: Repository,
  facts: SpaceFacts,
): Promise<{ needed: number; free: number | null }> {
  const needed = estimateNeed(facts);
  const free = await repository.freeBytes();
  if (free === null || free >= needed) return { needed, free };
  throw new PotctlError('E_NO_SPACE', `not enough free space in "${repository.url}"`, {
    why: {
      needed_bytes: needed,
      free_bytes: free,
      estimated_from: facts.previousStored === null ? 'the size of the database and the files' : 'the last backup',
    },
    fix: ['Free some space there, or name another place with --repository.'],
  });
}
