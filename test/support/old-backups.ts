import type { Manifest } from '../../src/catalog/manifest.js';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { openRepository } from '../../src/repository/open.js';
import type { Repository } from '../../src/repository/repository.js';
import { manifestText } from '../unit/catalog-samples.js';

const DAY_MS = 86_400_000;

/** The id of the backup that was made so many days ago. */
function idOf(daysAgo: number, now = new Date()): string {
  const at = new Date(now.getTime() - daysAgo * DAY_MS);
  const time = at.toISOString().slice(0, 11).replace(/-/g, '');
  return `${time}120000Z-${Math.round(0x8000 + daysAgo * 10)
    .toString(16)
    .padStart(6, '0')}`;
}

/** Opens a repository of this process. */
export async function openedAt(folder: string): Promise<Repository> {
  const host = await readHostIdentity(process.pid);
  return openRepository({ name: 'r', path: folder }, { clock: systemClock, host, operator: 'tester@here' });
}

/**
 * Publishes a small backup of the profile `prod` for each age, in days; each was taken at noon UTC.
 *
 * @returns their ids, in the order of the ages
 */
export async function publishOld(
  repository: Repository,
  ages: readonly number[],
  changes: Partial<Manifest> = {},
): Promise<string[]> {
  const now = new Date();
  const ids: string[] = [];
  for (const age of ages) {
    const id = idOf(age, now);
    const timestamp = id.replace(/^(....)(..)(..)T(..)(..)(..)Z.*/, '$1-$2-$3T$4:$5:$6.000Z');
    const draft = await repository.draft(id);
    await draft.publish(manifestText({ id, timestamp, ...changes }));
    ids.push(id);
  }
  return ids;
}
