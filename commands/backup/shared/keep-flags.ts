import { count, duration, text } from '../../cli/parse/options.js';

/** The retention policy. A backup is kept if any rule keeps it. */
export const KEEP_FLAGS = {
  keepLast: count('--keep-last <n>', 'keep the newest n backups (a backup is kept if any --keep rule keeps it)', {
    min: 1,
  }),
  keepWithin: duration('--keep-within <duration>', 'keep everything newer than this, plus the last backup before it'),
  keepDaily: count('--keep-daily <n>', 'keep the last n daily backups, one per day', { min: 1 }),
  keepWeekly: count('--keep-weekly <n>', 'keep the last n weekly backups, one per week', { min: 1 }),
  keepMonthly: count('--keep-monthly <n>', 'keep the last n monthly backups, one per month', { min: 1 }),
  keepYearly: count('--keep-yearly <n>', 'keep the last n yearly backups, one per year', { min: 1 }),
  retentionDays: count('--retention-days <n>', 'the same as --keep-within <n>d', { min: 1, max: 100_000 }),
  keepTz: text(
    '--keep-tz <zone>',
    'time zone in which days begin: UTC or Area/City (default: from the profile, else UTC)',
  ),
  maxRemove: count('--max-remove <n>', 'require --confirm to remove more than n', { default: 5 }),
};
