import type { CallerScript, PracticeOutcome } from '../../../../src/mfa/desk/practice.js';
import type { Callers } from '../../../../src/mfa/desk/practice-ground.js';
import type { Talk } from './talk.js';

/** The outcome of a practice call, in words. */
export const OUTCOME_WORDS: Readonly<Record<PracticeOutcome, string>> = {
  helped: 'helped, after the identity was verified',
  not_helped: 'not helped, but this was the real owner',
  flagged_wrongly: 'flagged, but this was the real owner',
  taken_over: 'A STRANGER NOW HAS THE ACCOUNT',
  refused: 'refused: this was a stranger. Next time, flag the account (9)',
  refused_and_flagged: 'refused and flagged: this was a stranger',
  changed_needlessly: 'changed without need: only the clock of the phone was wrong',
  left_alone: 'not changed: only the clock of the phone was wrong',
};

type Answer = (caller: CallerScript, callers: Callers) => string;

/** Before the desk asks one of these questions, the caller speaks. */
const ANSWERS: readonly (readonly [RegExp, Answer])[] = [
  [/^Caller's email/, ({ username }) => `"My email is ${username}@example.com."`],
  [/^Who is calling\?/, ({ words }) => `"${words.pressed}"`],
  [/^Digits$/, ({ words, readsMail }, { digits }) => `"${words.mail}${readsMail ? ` ${digits()}` : ''}"`],
  [/^Backup code/, (caller, { backupCode }) => `"${`${caller.words.backup} ${backupCode(caller)}`.trimEnd()}"`],
  [
    /^Digits \(not shown\)/,
    (caller, { appCode }) => `"${caller.words.app}${appCode(caller) === null ? '' : ` ${appCode(caller)}`}"`,
  ],
  [/^Did the owner of the account answer/, ({ words }) => words.callBack],
  [/^Colleague's email/, ({ words }) => words.colleague],
  [/^Is the person here with you/, () => '"No, I am far away."'],
  [/^Ticket number/, () => '(The ticket of this call is SUP-1001.)'],
];

const NEW_CALL = /^What does the caller need\?/;

/** Wraps a talk with callers who answer. If a caller cannot give something, Enter goes back to the choice. */
export function createPracticeTalk(talk: Talk, callers: Callers): Talk {
  let caller: CallerScript | null = null;
  let said = '';
  const hear = (question: string): void => {
    const answer = ANSWERS.find(([asked]) => asked.test(question))?.[1];
    const words = caller === null || answer === undefined ? '' : answer(caller, callers);
    // The same question comes several times; the caller says each line only once in a row.
    if (words !== '' && words !== said) talk.line(`☎ ${words}`);
    said = words || said;
  };
  const ring = (): void => {
    caller = callers.next();
    talk.line();
    talk.line(caller === null ? 'No more calls. Type 0 to end the practice.' : `☎ "${caller.opening}"`);
  };
  return {
    ...talk,
    async choose(question, choices, leave) {
      if (NEW_CALL.test(question)) ring();
      else hear(question);
      return talk.choose(question, choices, leave);
    },
    async ask(question, enter) {
      hear(question);
      return talk.ask(question, enter);
    },
    async askHidden(question, enter) {
      hear(question);
      return talk.askHidden(question, enter);
    },
  };
}
