import { type Advice, advice } from '../../../src/kernel/next.js';
import type { ChangePlan, ChangeResult } from '../../../src/mfa/change.js';
import type { View } from '../../ui/view.js';

/** Shows the user, the current state and what will be done, before confirmation is asked for. */
export function renderChangePlan({ action, record, phrase, caution, steps, changes }: ChangePlan, view: View): void {
  const { person, state } = record;
  const { email, name, role, active, organizations } = person;
  view.heading(`MFA ${action.toUpperCase()}   ${phrase}`);
  const parts = [email, name, role, active === false ? 'disabled' : null].filter((part) => part !== null);
  view.fields([
    ['user', parts.join(' · ') || person.id],
    ['id', person.id],
    ...(organizations.length > 0 ? [['organizations', organizations.join(' ')] as const] : []),
    ['second factor', state === 'unknown' ? UNKNOWN : state],
  ]);
  if (!changes) view.line('  Nothing to change.');
  for (const step of changes ? steps : []) view.line(`  - ${step}`);
  for (const text of caution.guarded) view.line(`  ${view.paint('bad', '!')} ${text} (--break-glass)`);
  for (const text of caution.warnings) view.line(view.spelled(advice`  ${view.paint('warn', '!')} ${text}`));
}

/** Says what was changed, for an error that occurs afterwards. */
export function changeDone({ person, state, journal_seq: seq }: ChangeResult): string {
  return `the second factor of ${person.name} is ${state} now (journal ${seq})`;
}

/** The state as seen by a role that cannot read the secrets. */
const UNKNOWN = 'not enabled; this database role cannot see pending enrollments';

/** How the result of a change is reported; the sentences have no full stop. */
export interface ChangeWords {
  /** For a change that was made: the word in front, and the new state. */
  done(result: ChangeResult): readonly [word: string, sentence: string];
  /** Why there was nothing to change. */
  unchanged?(result: ChangeResult): string;
  next?(result: ChangeResult): Advice;
}

/** Shows what was done, in one line, and the next command. */
export function renderChange(result: ChangeResult, view: View, { done, unchanged, next }: ChangeWords): void {
  const { changed, journal_seq: seq } = result;
  if (seq === null) {
    view.note('Dry run: nothing was changed.');
    return;
  }
  const [word, rest] = changed ? done(result) : ['Nothing to change', unchanged?.(result) ?? 'nothing was changed'];
  view.note(`${changed ? view.paint('good', word) : word}: ${rest}. Journal ${seq}.`);
  if (changed && next !== undefined) view.note(advice`Next:  ${next(result)}`);
}
