import { PotctlError } from '../../src/errors.js';
import type { GrantRole } from '../../src/grants/grants-sql.js';
import { itemCommand } from '../command.js';
import type { Context } from '../context.js';
import { choice } from '../options.js';

/** `potctl grants sql`: printed, never run. */
export const grantsSqlCommand = itemCommand({
  name: 'grants sql',
  summary: 'print the least rights for support, auditors, backups or triage, as SQL; nothing is run',
  examples: ['potctl grants sql --role support -p prod', 'potctl grants sql --role backup -p prod > backup-role.sql'],
  input: {
    role: choice('--role <role>', 'support, auditor, backup or triage', ['support', 'auditor', 'backup', 'triage']),
  },

  async run({ role }, context) {
    const { grantsSql } = await import('../../src/grants/grants-sql.js');
    const wanted = roleOf(role);
    return { role: wanted, sql: grantsSql(wanted, await placeOf(context)) };
  },
  render: ({ sql }, view) => {
    for (const line of sql) view.line(line);
  },
});

function roleOf(role: GrantRole | undefined): GrantRole {
  if (role !== undefined) return role;
  throw new PotctlError('E_USAGE', "'potctl grants sql' needs '--role'", {
    fix: ['Give one of support, auditor, backup, triage.'],
  });
}

async function placeOf(context: Context) {
  const { findGrantPlace } = await import('../grant-place.js');
  return findGrantPlace(await context.server(), (await context.settings()).application);
}
