import { paint } from '../paint.js';
import type { Terminal } from '../terminal.js';

/** The call is over; its words were said already, or are the message. */
export class CallEnded extends Error {}

/** One numbered answer. */
export interface Choice<K extends string> {
  /** The key to type; fixed, so that hands learn it. */
  readonly key: string;
  readonly text: string;
  readonly value: K;
}

/** How the desk speaks with the operator: a line at a time, one question, numbers for answers. */
export interface Talk {
  line(text?: string): void;
  /** What the operator tells the caller. */
  say(words: string): void;
  good(text: string): void;
  warn(text: string): void;
  bad(text: string): void;
  /** Asks until one of the numbers is typed. @throws CallEnded on 0 */
  choose<K extends string>(question: string, choices: readonly Choice<K>[], leave?: string): Promise<K>;
  /** What was typed, without blanks around it. @throws CallEnded on 0 */
  ask(question: string): Promise<string>;
  /** The same without an echo. @throws CallEnded on 0 */
  askHidden(question: string): Promise<string>;
}

const LEAVE = 'leave this call: nothing more is done';

/** A talk over the terminal. Nothing is cleared: who uses a screen reader, or scrolls back, finds everything in its order. */
export function createTalk(terminal: Terminal): Talk {
  const line = (text = ''): void => terminal.say(text === '' ? '' : `  ${text}`);
  return {
    line,
    say: (words) => line(`${paint('strong', 'Say:')} "${words}"`),
    good: (text) => line(`${paint('good', '✓')} ${text}`),
    warn: (text) => line(`${paint('warn', '!')} ${text}`),
    bad: (text) => line(`${paint('bad', '✗')} ${text}`),
    async choose(question, choices, leave = LEAVE) {
      line();
      line(paint('strong', question));
      for (const { key, text } of choices) line(`  ${key}  ${text}`);
      line(`  0  ${leave}`);
      for (;;) {
        const typed = (await terminal.typed('Number ›')).trim();
        if (typed === '0') throw new CallEnded();
        const chosen = choices.find(({ key }) => key === typed);
        if (chosen !== undefined) return chosen.value;
        line(`Please type one of ${[...choices.map(({ key }) => key), '0'].join(', ')}.`);
      }
    },
    ask: async (question) => unlessLeft(await terminal.typed(`${question} ›`)),
    askHidden: async (question) => unlessLeft((await terminal.hidden(`${question} ›`)).reveal()),
  };
}

function unlessLeft(typed: string): string {
  const text = typed.trim();
  if (text === '0') throw new CallEnded();
  return text;
}
