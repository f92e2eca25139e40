import type { CallerScript, PracticeOutcome } from '../../../../src/mfa/desk/practice.js';
import type { Callers } from '../../../../src/mfa/desk/practice-ground.js';
import type { Talk } from './talk.js';

/** What came of a call, for whoever practised. */
export const OUTCOME_WORDS: Readonly<Record<PracticeOutcome, string>> = {
  helped: 'helped, after proofs',
  not_helped: 'was not helped, and was the real one',
  flagged_wrongly: 'was flagged, and was the real one',
  taken_over: 'A STRANGER HAS THE ACCOUNT NOW',
  refused: 'refused: it was a stranger. Flag it (9) the next time',
  refused_and_flagged: 'refused and flagged: it was a stranger',
  changed_needlessly: 'nothing had to be taken away: only the clock of the phone was wrong',
  left_alone: 'needed nothing but the right time on the phone',
};

type Answer = (caller: CallerScript, callers: Callers) => string;

/** Whenever the desk asks one of these, the caller speaks first. */
const ANSWERS: readonly (readonly [RegExp, Answer])[] = [
  [/^Caller's e-mail/, ({ username }) => `"My e-mail is ${username}@example.com."`],
  [/^Who is calling\?/, ({ words }) => `"${words.pressed}"`],
  [/^Digits$/, ({ words, readsMail }, { digits }) => `"${words.mail}${readsMail ? ` ${digits()}` : ''}"`],
  [/^Backup code/, (caller, { backupCode }) => `"${`${caller.words.backup} ${backupCode(caller)}`.trimEnd()}"`],
  [
    /^Digits \(not shown\)/,
    (caller, { appCode }) => `"${caller.words.app}${appCode(caller) === null ? '' : ` ${appCode(caller)}`}"`,
  ],
  [/^Did the owner of the account answer/, ({ words }) => words.callBack],
  [/^Colleague's e-mail/, ({ words }) => words.colleague],
  [/^Is the person here with you/, () => '"No, I am far away."'],
  [/^Ticket number/, () => '(The ticket of this call is SUP-1001.)'],
];

const NEW_CALL = /^What does the caller need\?/;

/** The same talk, with callers who answer. Where a caller cannot give something, Enter goes back to the choice. */
export function createPracticeTalk(talk: Talk, callers: Callers): Talk {
  let caller: CallerScript | null = null;
  let said = '';
  const hear = (question: string): void => {
    const answer = ANSWERS.find(([asked]) => asked.test(question))?.[1];
    const words = caller === null || answer === undefined ? '' : answer(caller, callers);
    // The same choice comes again and again: nobody repeats himself each time.
    if (words !== '' && words !== said) talk.line(`☎ ${words}`);
    said = words || said;
  };
  const ring = (): void => {
    caller = callers.next();
    talk.line();
    talk.line(caller === null ? 'There are no more calls: 0 ends the practice.' : `☎ "${caller.opening}"`);
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
