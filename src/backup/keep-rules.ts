import type { KeepRules, Settings } from '../config/settings.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import { zoneNamed } from './buckets.js';

const DAY_MS = 86_400_000;
const MAX_REMOVE = 5;

/** Retention options of the command line, in addition to the profile. Durations in ms. */
export interface KeepOptions {
  readonly keepLast?: number | undefined;
  readonly keepWithin?: number | undefined;
  readonly keepDaily?: number | undefined;
  readonly keepWeekly?: number | undefined;
  readonly keepMonthly?: number | undefined;
  readonly keepYearly?: number | undefined;
  readonly retentionDays?: number | undefined;
  readonly keepTz?: string | undefined;
  /** Require confirmation to remove more than this many; default 5. */
  readonly maxRemove?: number;
}

/** A retention policy. */
export interface PrunePolicy {
  readonly rules: KeepRules;
  readonly zone: string;
  /** Require confirmation to remove more than this many. */
  readonly maxRemove: number;
}

/**
 * Returns the policy of the flags or, without any, of the profile. Flags replace the profile's policy as a whole: a mixture would be a
 * policy that nobody wrote down. Pure.
 *
 * @throws PotctlError E_USAGE without a policy and for contradictions; E_CONFIG if the profile guards prune
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

/** Refuses keep rules together with an id. @throws PotctlError E_USAGE for both; E_CONFIG if the profile guards prune */
export function refuseRules(
  settings: Pick<Settings, 'retention' | 'profile'>,
  options: KeepOptions & { readonly allSets?: boolean },
): void {
  refuseGuarded(settings);
  if (!saysWhatToKeep(options) && !options.allSets) return;
  throw new PotctlError(
    'E_USAGE',
    "an id and a retention policy contradict each other: leave out the '--keep' flags or the id",
  );
}

function refuseGuarded({ retention, profile }: Pick<Settings, 'retention' | 'profile'>): void {
  if (!retention.guarded) return;
  throw new PotctlError('E_CONFIG', `old backups of the profile '${profile.name}' cannot be removed`, {
    why: 'the profile guards prune, and this command does not support guards (protected, reason, ticket)',
    fix: ['Remove the guard from the profile.'],
  });
}

/** Returns whether any option says what to keep. */
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
    throw new PotctlError('E_USAGE', "'--retention-days' and '--keep-within' set the same rule: use one of them");
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
  return new PotctlError('E_USAGE', 'no retention policy is set', {
    why: 'prune needs at least one --keep flag, or a policy in the profile',
    fix: [
      advice`Set it with flags: ${potctl('backup', 'prune', '--keep-last', '7', '--keep-weekly', '4', '--dry-run')}`,
      'Or set it in the profile: `retention: { last: 3, daily: 7, weekly: 4, monthly: 6 }`',
    ],
  });
}
