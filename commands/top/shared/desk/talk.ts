import { paint, type Style } from '../../../ui/paint.js';
import type { Terminal } from '../../../ui/terminal.js';
import { displayWidth, wrapWords } from '../../../ui/visible.js';

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
  /**
   * What was typed, without spaces around it.
   *
   * @param enter what Enter alone does, where it does something
   * @throws CallEnded on 0
   */
  ask(question: string, enter?: string): Promise<string>;
  /** The same without an echo. @throws CallEnded on 0 */
  askHidden(question: string, enter?: string): Promise<string>;
}

const LEAVE = 'end this call; nothing more is changed';

/** Longer lines are hard to read. */
const WIDEST = 76;
const NARROWEST = 20;
/** Room for `? `, ` ›` and a short answer. */
const ANSWER = 28;

/** A talk over the terminal. Nothing is cleared: who uses a screen reader, or scrolls back, finds everything in its order. */
export function createTalk(terminal: Terminal): Talk {
  const width = (): number => Math.max(NARROWEST, Math.min(WIDEST, terminal.size().columns - 4));
  const line = (text = '', indent = ''): void => {
    wrapped(text, width() - indent.length).forEach((part, at) => {
      terminal.say(part === '' ? '' : `  ${at === 0 ? '' : indent}${part}`);
    });
  };
  const marked = (mark: string, style: Style, text: string): void => {
    const [first = '', ...more] = wrapped(`${mark} ${text}`, width() - mark.length - 1);
    terminal.say(`  ${paint(style, mark)}${first.slice(mark.length)}`);
    for (const part of more) terminal.say(`${' '.repeat(mark.length + 3)}${part}`);
  };
  // A question that does not fit beside its answer stands above it: the terminal itself would break it inside a word.
  const asked = (question: string, enter: string | undefined): string => {
    const whole = enter === undefined ? question : `${question} (Enter: ${enter})`;
    if (displayWidth(whole) + ANSWER <= terminal.size().columns) return `${whole} ›`;
    line(whole);
    return '›';
  };
  return {
    line: (text) => line(text),
    say: (words) => marked('Say:', 'strong', `"${words}"`),
    good: (text) => marked('✓', 'good', text),
    warn: (text) => marked('!', 'warn', text),
    bad: (text) => marked('✗', 'bad', text),
    async choose(question, choices, leave = LEAVE) {
      line();
      for (const part of wrapped(question, width())) terminal.say(`  ${paint('strong', part)}`);
      for (const { key, text } of choices) line(`  ${key}  ${text}`, '     ');
      line(`  0  ${leave}`, '     ');
      for (;;) {
        const typed = (await terminal.typed('Number ›')).trim();
        if (typed === '0') throw new CallEnded();
        const chosen = choices.find(({ key }) => key === typed);
        if (chosen !== undefined) return chosen.value;
        line(`Type one of ${[...choices.map(({ key }) => key), '0'].join(', ')}.`);
      }
    },
    ask: async (question, enter) => unlessLeft(await terminal.typed(asked(question, enter))),
    askHidden: async (question, enter) => unlessLeft((await terminal.hidden(asked(question, enter))).reveal()),
  };
}

function unlessLeft(typed: string): string {
  const text = typed.trim();
  if (text === '0') throw new CallEnded();
  return text;
}

/** A command to paste stays whole. */
const wrapped = (text: string, width: number): string[] =>
  /^ +(?:[A-Z]+=\S+ )*potctl /.test(text) ? [text] : wrapWords(text, width);
