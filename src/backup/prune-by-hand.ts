import { PotctlError } from '../errors.js';
import { readCatalog } from './catalog.js';
import {
  candidateOf,
  describe,
  type PruneDeps,
  type PrunePlan,
  readInUse,
  seenEventsOf,
  shortName,
} from './prune-plan.js';
import { guardsOf } from './retention.js';
import { selectBackup } from './selection.js';

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
  const { set } = entry.manifest;
  const mine = entries.filter((other) => other.ok).filter(({ manifest }) => manifest.set === set);
  const inUse = await readInUse(deps);
  const guards = guardsOf(mine.map((other) => candidateOf(other, now, inUse))).get(entry.id) ?? [];
  if (guards.length > 0) throw guarded(entry.id, guards);
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

function guarded(id: string, guards: readonly string[]): PotctlError {
  const isPinned = guards.some((guard) => guard.startsWith('pinned: ') || guard.startsWith('its history is damaged'));
  return new PotctlError('E_REFUSED', `the backup '${id}' is not removed`, {
    why: guards.join('; '),
    fix: isPinned
      ? [`If it need not stay: \`potctl backup unpin ${id} --reason TEXT\``]
      : ['Make a good one that takes its place: `potctl backup create`', 'See all: `potctl backup list`'],
  });
}
