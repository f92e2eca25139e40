import { paint, type Style } from '../../../ui/paint.js';
import type { Terminal } from '../../../ui/terminal.js';
import { displayWidth, wrapWords } from '../../../ui/visible.js';

/** Ends a call. The message, if any, is still to be shown. */
export class CallEnded extends Error {}

/** One numbered answer. */
export interface Choice<K extends string> {
  /** The key to type; it never changes, so that operators can learn it. */
  readonly key: string;
  readonly text: string;
  readonly value: K;
}

/** How the desk talks to the operator: line by line, one question at a time, numbers as answers. */
export interface Talk {
  line(text?: string): void;
  /** Shows what the operator should say to the caller. */
  say(words: string): void;
  good(text: string): void;
  warn(text: string): void;
  bad(text: string): void;
  /** Asks until one of the keys is typed. @throws CallEnded on 0 */
  choose<K extends string>(question: string, choices: readonly Choice<K>[], leave?: string): Promise<K>;
  /**
   * Asks for a line and returns it trimmed.
   *
   * @param enter what Enter alone does, if anything
   * @throws CallEnded on 0
   */
  ask(question: string, enter?: string): Promise<string>;
  /** The same without an echo. @throws CallEnded on 0 */
  askHidden(question: string, enter?: string): Promise<string>;
}

const LEAVE = 'end this call; nothing else is changed';
// A code used as a proof may be used up.
const ENDED = 'Call ended, nothing else was changed.';

/** Longer lines are hard to read. */
const WIDEST = 76;
const NARROWEST = 20;
/** Room for `? `, ` ›` and a short answer. */
const ANSWER = 28;

/** Creates a talk on a terminal. It never clears the screen, so screen readers and scrollback see everything in order. */
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
  // A question that leaves no room for the answer goes on its own lines; the terminal would break it inside a word.
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
        if (typed === '0') throw new CallEnded(ENDED);
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
  if (text === '0') throw new CallEnded(ENDED);
  return text;
}

/** Wraps text, but never a command, so that it can be pasted. */
const wrapped = (text: string, width: number): string[] =>
  /^ +(?:[A-Z]+=\S+ )*potctl /.test(text) ? [text] : wrapWords(text, width);
