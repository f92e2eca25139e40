import { count, duration, text } from '../../cli/parse/options.js';

/** Which backups stay. */
export const KEEP_FLAGS = {
  keepLast: count('--keep-last <n>', 'the newest n', { min: 1 }),
  keepWithin: duration('--keep-within <duration>', 'keep everything newer than this, plus the last backup before it'),
  keepDaily: count('--keep-daily <n>', 'the newest of each of n days that have one', { min: 1 }),
  keepWeekly: count('--keep-weekly <n>', 'the newest of each of n weeks', { min: 1 }),
  keepMonthly: count('--keep-monthly <n>', 'the newest of each of n months', { min: 1 }),
  keepYearly: count('--keep-yearly <n>', 'the newest of each of n years', { min: 1 }),
  retentionDays: count('--retention-days <n>', 'the same as --keep-within with days', { min: 1, max: 100_000 }),
  keepTz: text('--keep-tz <zone>', 'where days begin: UTC or Area/City; default: of the profile, else UTC'),
  maxRemove: count('--max-remove <n>', 'require --confirm to remove more than n', { default: 5 }),
};
