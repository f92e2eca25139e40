import { paint, type Style } from '../paint.js';
import type { Terminal } from '../terminal.js';
import { displayWidth } from '../visible.js';

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

/** Fits every terminal; a line that begins with a blank is a command to paste, and stays whole. */
const WIDTH = 76;

/** A talk over the terminal. Nothing is cleared: who uses a screen reader, or scrolls back, finds everything in its order. */
export function createTalk(terminal: Terminal): Talk {
  const line = (text = ''): void => {
    for (const part of wrapped(text)) terminal.say(part === '' ? '' : `  ${part}`);
  };
  const marked = (mark: string, style: Style, text: string): void => {
    const [first = '', ...more] = wrapped(`${mark} ${text}`);
    terminal.say(`  ${paint(style, mark)}${first.slice(mark.length)}`);
    for (const part of more) terminal.say(`${' '.repeat(mark.length + 3)}${part}`);
  };
  return {
    line,
    say: (words) => marked('Say:', 'strong', `"${words}"`),
    good: (text) => marked('✓', 'good', text),
    warn: (text) => marked('!', 'warn', text),
    bad: (text) => marked('✗', 'bad', text),
    async choose(question, choices, leave = LEAVE) {
      line();
      for (const part of wrapped(question)) terminal.say(`  ${paint('strong', part)}`);
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

/** Breaks between words. */
function wrapped(text: string): string[] {
  if (text.startsWith(' ') || displayWidth(text) <= WIDTH) return [text];
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last === '') lines[lines.length - 1] = word;
    else if (displayWidth(`${last} ${word}`) <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
