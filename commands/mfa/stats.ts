import { counted, verb } from '../../src/kernel/counted.js';
import { itemCommand } from '../command.js';

/** `potctl mfa stats`: how many users have a second factor. */
export const mfaStats = itemCommand({
  name: 'mfa stats',
  summary: 'count users with a second factor, by role',
  examples: ['potctl mfa stats -p prod', 'potctl mfa stats -p prod --json'],
  verbatim: true,
  needs: ['database'],
  input: {},

  run: async (_options, { potctl }) => (await potctl.mfa()).stats(),

  render({ total, enabled, enabledPercentage, pending, unknown, admins, groups, resets_30d: resets }, view) {
    const hidden = unknown > 0;
    const rows = groups.map((group) => [
      ...[group.role, ...[group.users, group.enabled, group.pending].map((count) => view.count(count))],
      ...[...(hidden ? [group.unknown] : []), group.off].map((count) => view.count(count)),
      ...[`${group.enabled_percentage}%`, group.no_codes === null ? '–' : view.count(group.no_codes)],
    ]);
    view.table(['ROLE', 'USERS', 'ON', 'PENDING', ...(hidden ? ['UNKNOWN'] : []), 'OFF', 'SHARE', 'NO CODES'], rows);
    const began = hidden
      ? `${view.count(unknown)} unknown: this database role cannot see pending enrollments`
      : `${view.count(pending)} pending`;
    view.line(
      `${view.count(enabled)} of ${counted(total, 'user')} ${verb(total, 'has', 'have')} a second factor (${enabledPercentage} %); ${began}.`,
    );
    const changed = resets === null ? '' : ` ${counted(resets, 'reset')} in the last 30 days.`;
    view.line(`${view.count(admins.enabled)} of ${view.count(admins.total)} administrators have one.${changed}`);
  },
});
