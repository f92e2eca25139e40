import type { MfaStatus } from '../../src/mfa/status.js';
import { itemCommand } from '../command.js';
import { byWhom } from '../ui/by-whom.js';
import type { View } from '../ui/view.js';
import { USER } from './shared/flags.js';
import { sentence } from './shared/sentence.js';

const NONE = '–';

/** `potctl mfa status`: the state of one user's second factor, and warning signs. */
export const mfaStatus = itemCommand({
  name: 'mfa status',
  summary: "show the state of one user's second factor",
  examples: ['potctl mfa status ana.souza -p prod', 'potctl mfa status ana@example.com -p prod --json'],
  needs: ['database'],
  input: { user: USER },

  run: async ({ user }, { potctl }) => (await potctl.mfa()).status(user),

  render(status, view) {
    const { user, application } = status;
    view.heading(user.username ?? user.email ?? user.id);
    const parts = [user.name, user.email, user.role, user.admin ? 'administrator' : null];
    view.fields([
      ['user', parts.filter((part) => part !== null).join(' · ') || NONE],
      ['id', `${user.id} (${application})`],
      ...(user.organizations.length > 0 ? [['organizations', user.organizations.join(' ')] as const] : []),
      [
        'account',
        user.active === null
          ? 'unknown: the application does not store it'
          : user.active
            ? 'active'
            : view.paint('bad', 'disabled'),
      ],
      ...stateFields(status, view),
    ]);
    for (const { text } of status.red_flags) view.line(`  ${view.paint('bad', '!')} ${sentence(text)}`);
    for (const text of status.notes) view.note(`  ${sentence(view.spelled(text))}`);
  },
});

type Pair = readonly [label: string, value: string];

function stateFields(status: MfaStatus, view: View): Pair[] {
  const at = (instant: string | null): string => (instant === null ? NONE : view.time(instant));
  const { state, sessions } = status;
  const began = status.pending_since === null ? 'since an unknown time' : `since ${at(status.pending_since)}`;
  const pending = `${began}${status.pending_expired ? ', expired' : ''}`;
  return [
    ['second factor', state === 'enabled' ? view.paint('good', state) : state],
    ...(state === 'enabled' ? [['since', at(status.since)] as const] : []),
    ...(state === 'pending' ? [['pending', pending] as const] : []),
    ...factorFields(status),
    ['backup codes', codesText(status)],
    ['lock', lockText(status, view)],
    ['rejected codes', status.failed_24h === null ? NONE : `${status.failed_24h} in the last 24 hours`],
    ['last accepted', at(status.last_accepted_at)],
    ['sessions', sessions === null ? 'not stored by this application' : `${sessions} open`],
    ...resetFields(status, view),
  ];
}

function factorFields({ factors }: MfaStatus): Pair[] {
  return factors.map(({ kind, label, state, secret }) => {
    const parts = [kind, label, state, secret === null ? null : `secret ${secret}`];
    return ['factor', parts.filter((part) => part !== null).join(' · ')];
  });
}

function codesText({ codes }: MfaStatus): string {
  if (codes === null) return 'not supported by this application';
  return codes.left === null ? 'unknown: this database role cannot read them' : `${codes.left} left`;
}

function lockText({ lock }: MfaStatus, view: View): string {
  if (lock === null) return 'none';
  const until = lock.until === 'infinity' ? 'until someone unlocks it' : `until ${view.time(lock.until)}`;
  return view.paint('bad', `by ${lock.by}, ${until}`);
}

function resetFields({ resets_90d: resets }: MfaStatus, view: View): Pair[] {
  const newest = (resets ?? []).slice(0, 5);
  const line = (one: (typeof newest)[number]): string =>
    `${view.time(one.at)} ${one.action} by ${byWhom(one)}: ${one.reason}`;
  return [
    ['resets in 90d', resets === null ? NONE : String(resets.length)],
    ...newest.map((one) => ['', line(one)] as const),
  ];
}
