import type { GrantRole } from '../../src/grants/grants-sql.js';
import { PotctlError } from '../../src/kernel/errors.js';
import { text } from '../cli/parse/options.js';
import { suggestion } from '../cli/parse/suggest.js';
import { itemCommand } from '../command.js';

/** `potctl grants sql`: prints SQL and never runs it. */
export const grantsSqlCommand = itemCommand({
  name: 'grants sql',
  summary: 'print the SQL that creates a least-privilege role',
  examples: ['potctl grants sql --role support -p prod', 'potctl grants sql --role backup -p prod > backup-role.sql'],
  needs: ['database'],
  input: {
    role: text('--role <role>', 'support, auditor, backup or triage'),
  },

  async run({ role }, { potctl }) {
    const grants = await potctl.grants();
    const wanted = roleOf(role, grants.roles);
    return { role: wanted, sql: await grants.sql(wanted) };
  },
  render: ({ sql }, view) => {
    for (const line of sql) view.raw(line);
  },
});

function roleOf(given: string | undefined, roles: readonly GrantRole[]): GrantRole {
  const role = roles.find((name) => name === given);
  if (role !== undefined) return role;
  const wanted =
    given === undefined
      ? `'potctl grants sql' needs --role ${roles.join('|')}`
      : `'--role' takes one of ${roles.join(', ')}, not '${given}'`;
  throw new PotctlError('E_USAGE', wanted, suggestion(given ?? '', roles));
}
