import { type GoodEntry, readCatalog } from '../catalog/catalog.js';
import { selectBackup } from '../catalog/selection.js';
import { type SetFacts, setsAtHand } from '../catalog/sets.js';
import { counted } from '../kernel/counted.js';
import { type VerifyReport, verifyBackup } from './verify.js';
import type { VerifyCheck, VerifyDeps, VerifyLevel } from './verify-dump.js';

/** Which backup to verify. */
export interface VerifyOption {
  /** An id, a unique part of it, `latest`, `latest~1`. */
  readonly reference: string;
  readonly fromSet: string | null;
  readonly at: Omit<SetFacts, 'systemIdentifier'>;
}

/**
 * Finds a backup and verifies it. No server is asked: if the settings do not determine the series, backups of any series are considered,
 * since reading is harmless.
 *
 * @throws E_BACKUP_NOT_FOUND, E_REFUSED (another series), and as {@link verifyBackup}
 */
export async function verifySelected(
  deps: VerifyDeps,
  request: VerifyOption,
  level: VerifyLevel,
): Promise<VerifyReport> {
  const entries = await readCatalog(deps.repository);
  const sets = setsAtHand(entries, request.at);
  const { entry, warnings } = selectBackup(entries, request.reference, {
    set: sets.length === 1 ? sets[0]! : null,
    fromSet: request.fromSet,
    now: deps.clock.now(),
  });
  for (const text of warnings) deps.progress({ kind: 'warning', text });
  await deps.repository.complete?.(entry.id);
  const report = await verifyBackup(deps, entry.id, level);
  const history = historyCheck(entry);
  return { ...report, ok: report.ok && history.state === 'ok', checks: [...report.checks, history] };
}

/** Checks the history. This is not one of the backup's own checks: its content may be good, but a pin may be lost. */
function historyCheck({ events, eventsDamage }: GoodEntry): VerifyCheck {
  const check = { part: 'history', name: 'events' } as const;
  if (eventsDamage !== null) return { ...check, state: 'fail', detail: eventsDamage.text };
  return { ...check, state: 'ok', detail: counted(events.length, 'event') };
}
