import type { ChangePlan, ChangeResult } from '../../src/mfa/change.js';
import type { View } from './view.js';

/** Who it is, how things stand, and what will be done: before anybody is asked. */
export function renderChangePlan({ action, record, phrase, caution, steps, changes }: ChangePlan, view: View): void {
  const { person, state } = record;
  const { email, name, role, active, organizations } = person;
  view.heading(`MFA ${action.toUpperCase()}   ${phrase}`);
  const parts = [email, name, role, active === false ? 'switched off' : null].filter((part) => part !== null);
  view.fields([
    ['user', parts.join(' · ') || person.id],
    ['id', person.id],
    ...(organizations.length > 0 ? [['organisations', organizations.join(' ')] as const] : []),
    ['now', state],
  ]);
  if (!changes) view.line('  It is so already: nothing will be changed, and that is noted.');
  for (const step of changes ? steps : []) view.line(`  - ${step}`);
  for (const text of caution.guarded) view.line(`  ${view.paint('bad', '!')} ${text} (--break-glass)`);
  for (const text of caution.warnings) view.line(`  ${view.paint('warn', '!')} ${text}`);
}

/** What was changed, for an error that comes after it. */
export function changeDone({ person, state, journal_seq: seq }: ChangeResult): string {
  return `the second factor of ${person.name} is ${state} now (journal ${seq})`;
}

/** What was done, in one line, and what to type next. */
export function renderChange(
  done: string,
  { person, state, changed, sessions_ended: ended, journal_seq: seq }: ChangeResult,
  view: View,
  next?: string,
): void {
  const sessions = ended === null ? '' : `, ${ended} ${ended === 1 ? 'session' : 'sessions'} ended`;
  const word = changed ? view.paint('good', done) : 'It was so already';
  view.note(
    seq === null
      ? 'Nothing was changed: this was a dry run.'
      : `${word}: second factor of ${person.name} ${state}${sessions}. Journal ${seq}.`,
  );
  if (next !== undefined && changed) view.note(`Next:  ${next}`);
}
