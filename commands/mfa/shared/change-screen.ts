import { type Advice, advice } from '../../../src/kernel/next.js';
import type { ChangePlan, ChangeResult } from '../../../src/mfa/change.js';
import type { View } from '../../ui/view.js';

/** Who it is, how things stand, and what will be done: before anybody is asked. */
export function renderChangePlan({ action, record, phrase, caution, steps, changes }: ChangePlan, view: View): void {
  const { person, state } = record;
  const { email, name, role, active, organizations } = person;
  view.heading(`MFA ${action.toUpperCase()}   ${phrase}`);
  const parts = [email, name, role, active === false ? 'switched off' : null].filter((part) => part !== null);
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

/** What was changed, for an error that comes after it. */
export function changeDone({ person, state, journal_seq: seq }: ChangeResult): string {
  return `the second factor of ${person.name} is ${state} now (journal ${seq})`;
}

/** Where a role may not see more. */
const UNKNOWN = 'not enabled; this role may not see whether an enrollment has begun';

/** How a change is told; each sentence is without its full stop. */
export interface ChangeWords {
  /** When it was made: the word in front, and what is true now. */
  done(result: ChangeResult): readonly [word: string, sentence: string];
  /** When there was nothing to do: why. */
  unchanged?(result: ChangeResult): string;
  next?(result: ChangeResult): Advice;
}

/** What was done, in one line, and what to type next. */
export function renderChange(result: ChangeResult, view: View, { done, unchanged, next }: ChangeWords): void {
  const { changed, journal_seq: seq } = result;
  if (seq === null) {
    view.note('Dry run: nothing was changed.');
    return;
  }
  const [word, rest] = changed ? done(result) : ['Nothing to change', unchanged?.(result) ?? 'it is as it was'];
  view.note(`${changed ? view.paint('good', word) : word}: ${rest}. Journal ${seq}.`);
  if (changed && next !== undefined) view.note(advice`Next:  ${next(result)}`);
}
