import type { GrantRole } from '../../src/grants/grants-sql.js';
import { PotctlError } from '../../src/kernel/errors.js';
import { text } from '../cli/parse/options.js';
import { suggestion } from '../cli/parse/suggest.js';
import { itemCommand } from '../command.js';
import type { Context } from '../context.js';

/** `potctl grants sql`: printed, never run. */
export const grantsSqlCommand = itemCommand({
  name: 'grants sql',
  summary: 'print the least rights for support, auditors, backups or triage, as SQL; nothing is run',
  examples: ['potctl grants sql --role support -p prod', 'potctl grants sql --role backup -p prod > backup-role.sql'],
  input: {
    role: text('--role <role>', 'support, auditor, backup or triage'),
  },

  async run({ role }, context) {
    const { grantsSql } = await import('../../src/grants/grants-sql.js');
    const wanted = await roleOf(role);
    return { role: wanted, sql: grantsSql(wanted, await placeOf(context)) };
  },
  render: ({ sql }, view) => {
    for (const line of sql) view.line(line);
  },
});

async function roleOf(given: string | undefined): Promise<GrantRole> {
  const { GRANT_ROLES } = await import('../../src/grants/grants-sql.js');
  const role = GRANT_ROLES.find((name) => name === given);
  if (role !== undefined) return role;
  const wanted = `'--role' takes one of ${GRANT_ROLES.join(', ')}${given === undefined ? '' : `, not '${given}'`}`;
  throw new PotctlError('E_USAGE', wanted, suggestion(given ?? '', GRANT_ROLES));
}

async function placeOf(context: Context) {
  const { findGrantPlace } = await import('./shared/grant-place.js');
  return findGrantPlace(await context.server(), (await context.settings()).application);
}
