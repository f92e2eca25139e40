import { parseDuration } from '../kernel/duration.js';
import type { Origins } from './origins.js';
import type { ChosenProfile } from './profile.js';
import type { Settings } from './settings.js';

/** What the profile says of keeping backups. Rules of 0 keep nothing; if all are, there is no policy. */
export function findRetention(profile: ChosenProfile, origins: Origins): Settings['retention'] {
  const { retention = {}, guards } = profile.values;
  const pick = <T>(key: keyof typeof retention, value: T | undefined): T | undefined =>
    origins.pick(`retention.${key}`, { value, from: profile.where('retention', key) });
  const rules = {
    last: pick('last', retention.last) ?? 0,
    withinMs: parseDuration(pick('within', retention.within) ?? '0s') ?? 0,
    daily: pick('daily', retention.daily) ?? 0,
    weekly: pick('weekly', retention.weekly) ?? 0,
    monthly: pick('monthly', retention.monthly) ?? 0,
    yearly: pick('yearly', retention.yearly) ?? 0,
  };
  const keepsNothing = Object.values(rules).every((value) => value === 0);
  const guarded =
    guards?.protected?.includes('prune') === true || guards?.reason === 'required' || guards?.ticket !== undefined;
  return { rules: keepsNothing ? null : rules, zone: pick('timezone', retention.timezone) ?? 'UTC', guarded };
}
