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
 * Plans to remove the one backup that a person named, whatever the policy says: one that a wrong clock has dated, or that nobody wants any
 * more. What no policy may remove no hand may either. It always asks for a confirmation.
 *
 * @throws PotctlError E_REFUSED with what guards it; E_BACKUP_NOT_FOUND; E_MANIFEST
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
    severe: 'It was named by hand: no policy is asked, and it cannot be brought back.',
    confirm: shortName(set),
    seenEvents: seenEventsOf(mine),
  };
}

function guarded(entry: GoodEntry, mine: readonly GoodEntry[], guards: readonly string[]): PotctlError {
  const { id } = entry;
  const isPinned = guards.some((guard) => guard.startsWith('pinned: ') || guard.startsWith('its history is damaged'));
  return new PotctlError('E_REFUSED', `the backup '${id}' is not removed`, {
    why: guards.join('; '),
    fix: isPinned
      ? [advice`If it need not stay: ${potctl('backup', 'unpin', id, '--reason', 'TEXT')}`]
      : [
          advice`Make a good one that takes its place: ${substitute(entry, mine, guards)}`,
          advice`See all: ${potctl('backup', 'list')}`,
        ],
  });
}

/** The command that makes a backup with the same parts, checked as deeply. */
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
