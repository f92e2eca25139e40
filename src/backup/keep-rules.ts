import type { KeepRules, Settings } from '../config/settings.js';
import { PotctlError } from '../kernel/errors.js';
import { zoneNamed } from './buckets.js';

const DAY_MS = 86_400_000;
const MAX_REMOVE = 5;

/** What a person says about keeping backups, beyond the profile. Durations in ms. */
export interface KeepOptions {
  readonly keepLast?: number | undefined;
  readonly keepWithin?: number | undefined;
  readonly keepDaily?: number | undefined;
  readonly keepWeekly?: number | undefined;
  readonly keepMonthly?: number | undefined;
  readonly keepYearly?: number | undefined;
  readonly retentionDays?: number | undefined;
  readonly keepTz?: string | undefined;
  /** More than so many at once want a confirmation; default 5. */
  readonly maxRemove?: number;
}

/** A policy that keeps something. */
export interface PrunePolicy {
  readonly rules: KeepRules;
  readonly zone: string;
  /** More than so many at once want a confirmation. */
  readonly maxRemove: number;
}

/**
 * The policy of the flags, or without any the profile's. Flags replace it as a whole: a mixture of both would be what nobody wrote down.
 * Pure.
 *
 * @throws PotctlError E_USAGE without a policy and for contradictions; E_CONFIG where the profile guards it
 */
export function prunePolicy(
  { retention, profile }: Pick<Settings, 'retention' | 'profile'>,
  options: KeepOptions,
): PrunePolicy {
  refuseGuarded({ retention, profile });
  const rules = chosenRules(options) ?? retention.rules;
  if (rules === null) throw noPolicy();
  return { rules, zone: chosenZone(options.keepTz) ?? retention.zone, maxRemove: options.maxRemove ?? MAX_REMOVE };
}

/** One backup that is named needs no policy. @throws PotctlError E_USAGE for both; E_CONFIG where the profile guards it */
export function refuseRules(
  settings: Pick<Settings, 'retention' | 'profile'>,
  options: KeepOptions & { readonly allSets?: boolean },
): void {
  refuseGuarded(settings);
  if (!saysWhatToKeep(options) && !options.allSets) return;
  throw new PotctlError('E_USAGE', "an id and a policy contradict each other: leave out the '--keep' flags or the id");
}

function refuseGuarded({ retention, profile }: Pick<Settings, 'retention' | 'profile'>): void {
  if (!retention.guarded) return;
  throw new PotctlError('E_CONFIG', `old backups of the profile '${profile.name}' cannot be removed`, {
    why: 'guards (protected, reason, ticket) are not built yet, and the profile guards prune',
    fix: ['Take the guard out of the profile for this.'],
  });
}

/** Is anything said about what to keep? */
export function saysWhatToKeep(options: KeepOptions): boolean {
  const { keepLast, keepWithin, keepDaily, keepWeekly, keepMonthly, keepYearly, retentionDays } = options;
  const given = [keepLast, keepWithin, keepDaily, keepWeekly, keepMonthly, keepYearly, retentionDays];
  return given.some((value) => value !== undefined);
}

function chosenRules(options: KeepOptions): KeepRules | null {
  if (!saysWhatToKeep(options)) return null;
  const { keepLast = 0, keepDaily = 0, keepWeekly = 0, keepMonthly = 0, keepYearly = 0 } = options;
  const withinMs = chosenWindow(options);
  return { last: keepLast, withinMs, daily: keepDaily, weekly: keepWeekly, monthly: keepMonthly, yearly: keepYearly };
}

function chosenWindow({ keepWithin, retentionDays }: KeepOptions): number {
  if (keepWithin !== undefined && retentionDays !== undefined) {
    throw new PotctlError('E_USAGE', "'--retention-days' and '--keep-within' both say how long: give one of them");
  }
  if (keepWithin === 0)
    throw new PotctlError('E_USAGE', "'--keep-within' takes a duration above 0: 0 would keep nothing");
  return keepWithin ?? (retentionDays ?? 0) * DAY_MS;
}

function chosenZone(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const zone = zoneNamed(name);
  if (zone !== undefined) return zone;
  throw new PotctlError('E_USAGE', `'--keep-tz' takes UTC or a zone such as Europe/Lisbon, not '${name}'`);
}

function noPolicy(): PotctlError {
  return new PotctlError('E_USAGE', 'nobody said which backups to keep', {
    why: 'without a policy every backup but the newest would go',
    fix: [
      'Say it here: `potctl backup prune --keep-last 7 --keep-weekly 4 --dry-run`',
      'Or in the profile: `retention: { last: 3, daily: 7, weekly: 4, monthly: 6 }`',
    ],
  });
}
