import type { MfaFilter, MfaRow } from '../../src/mfa/list.js';
import { choice, flag, text } from '../cli/parse/options.js';
import { streamCommand } from '../command.js';
import type { Context } from '../context.js';
import type { Column } from '../ui/columns.js';

const NONE = '–';

const columns: readonly Column<MfaRow>[] = [
  { name: 'id', text: ({ id }) => id, priority: 1 },
  {
    name: 'user',
    text: ({ username, email }) => username ?? email ?? NONE,
    machine: ({ username, email }) => username ?? email ?? '',
  },
  {
    name: 'email',
    flexible: true,
    priority: 4,
    text: ({ email }) => email ?? NONE,
    machine: ({ email }) => email ?? '',
  },
  { name: 'role', priority: 2, text: ({ role }) => role ?? NONE, machine: ({ role }) => role ?? '' },
  { name: 'mfa', text: ({ state }) => state },
  {
    name: 'codes',
    align: 'right',
    priority: 3,
    text: ({ codes }) => (codes === null ? NONE : String(codes)),
    machine: ({ codes }) => String(codes ?? ''),
  },
  {
    name: 'since',
    priority: 5,
    text: ({ since }, _now, format) => (since === null ? NONE : format.instant(since)),
    machine: ({ since }) => since ?? '',
  },
  {
    name: 'locked',
    priority: 6,
    text: ({ locked_until: until }, _now, format) =>
      until === null ? NONE : until === 'infinity' ? 'forever' : format.instant(until),
    machine: ({ locked_until: until }) => until ?? '',
  },
  { name: 'active', wide: true, text: ({ active }) => (active === null ? NONE : String(active)) },
  { name: 'admin', wide: true, text: ({ admin }) => String(admin) },
  { name: 'last_used', wide: true, text: ({ last_used: at }) => at ?? NONE, machine: ({ last_used: at }) => at ?? '' },
  { name: 'organizations', wide: true, text: ({ organizations }) => organizations.join(' ') },
];

/** `potctl mfa list`: streams the users that match, millions of them if need be. */
export const mfaList = streamCommand({
  name: 'mfa list',
  summary: 'list users and the state of their second factor',
  examples: [
    'potctl mfa list -p prod --required --missing',
    'potctl mfa list -p prod --state pending --limit 0 -o csv',
    'potctl mfa list -p prod --organization 6f1c2a90-4b1d-4a52-9a3c-1d2e3f405162 --json',
  ],
  columns,
  key: ({ id }) => id,
  needs: ['database'],
  input: {
    state: choice('--state <state>', 'enabled, pending, off, unknown, locked or no-codes', [
      ...(['enabled', 'pending', 'off', 'unknown', 'locked', 'no-codes'] as const),
    ]),
    role: text('--role <role>', 'only users with this role'),
    required: flag('--required', 'only users who must have a second factor: administrators'),
    missing: flag('--missing', 'only users without an enabled second factor'),
    organization: text('--organization <id>', 'only members of this organization (evo)'),
  },
  run: ({ state, role, required, missing, organization }, context, page) =>
    rowsOf(
      { state: state ?? null, role: role ?? null, required, missing, organization: organization ?? null, ...page },
      context,
    ),
});

async function* rowsOf(filter: MfaFilter, { potctl }: Context) {
  yield* (await potctl.mfa()).list(filter);
}
