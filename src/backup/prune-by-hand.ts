import { type GoodEntry, readCatalog } from '../catalog/catalog.js';
import { selectBackup } from '../catalog/selection.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, type NextCommand, potctl } from '../kernel/next.js';
import {
  candidateOf,
  describe,
  type PruneDeps,
  type PrunePlan,
  readInUse,
  refuseWrongClock,
  seenEventsOf,
  shortName,
} from './prune-plan.js';
import { guardsOf, VERIFIED_FULLY } from './retention.js';

/**
 * Plans to remove one backup by id, whatever the policy says: one with a wrong date, or one that is no longer needed. Backups that no
 * policy may remove are refused here, too. Always requires confirmation.
 *
 * @throws PotctlError E_REFUSED with what protects it; E_BACKUP_NOT_FOUND; E_MANIFEST
 */
export async function planRemoval(deps: PruneDeps, reference: string, fromSet: string | null): Promise<PrunePlan> {
  const { repository, clock } = deps;
  const now = clock.now();
  const entries = await readCatalog(repository);
  const { entry } = selectBackup(entries, reference, { set: null, fromSet, now });
  await refuseWrongClock(deps, [entry], now);
  const { set } = entry.manifest;
  const mine = entries.filter((other) => other.ok).filter(({ manifest }) => manifest.set === set);
  const inUse = await readInUse(deps);
  const guards = guardsOf(mine.map((other) => candidateOf(other, now, inUse))).get(entry.id) ?? [];
  if (guards.length > 0) throw guarded(entry, mine, guards);
  const going = describe(entry, ['removed by hand']);
  return {
    sets: [set],
    keep: mine.filter(({ id }) => id !== entry.id).map((other) => describe(other, ['not named'])),
    remove: [going],
    refused: [],
    freed_bytes: going.bytes ?? 0,
    severe: 'This backup was named by its id, so no retention policy applies. It cannot be recovered.',
    confirm: shortName(set),
    seenEvents: seenEventsOf(mine),
  };
}

function guarded(entry: GoodEntry, mine: readonly GoodEntry[], guards: readonly string[]): PotctlError {
  const { id } = entry;
  const isPinned = guards.some((guard) => guard.startsWith('pinned: ') || guard.startsWith('its history is damaged'));
  return new PotctlError('E_REFUSED', `the backup '${id}' is protected and was not removed`, {
    why: guards.join('; '),
    fix: isPinned
      ? [advice`If it is no longer needed, unpin it: ${potctl('backup', 'unpin', id, '--reason', 'TEXT')}`]
      : [
          advice`Create a good backup to replace it: ${substitute(entry, mine, guards)}`,
          advice`List all backups: ${potctl('backup', 'list')}`,
        ],
  });
}

/** Returns the command that creates a backup with the same parts, verified at the same level. */
function substitute({ manifest }: GoodEntry, mine: readonly GoodEntry[], guards: readonly string[]): NextCommand {
  const { database, storage } = manifest;
  const withoutFiles = mine.some((other) => other.manifest.storage !== null) ? ['--only', 'db'] : [];
  return potctl(
    ...['backup', 'create'],
    ...(database === null ? ['--only', 'files'] : []),
    ...(storage === null ? withoutFiles : ['--files', storage.root]),
    ...(guards.some((guard) => guard.startsWith(VERIFIED_FULLY)) ? ['--verify', 'full'] : []),
  );
}
