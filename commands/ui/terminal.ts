import { PotctlError } from '../../src/kernel/errors.js';
import type { Secret } from '../../src/kernel/secret.js';
import { screenSize } from '../cli/run/streams.js';
import { hasAlternateScreen } from './alternate-screen.js';
import type { Diagnostics } from './diagnostics.js';
import type { ProgressDisplay } from './progress.js';
import type { Prompter } from './prompts.js';
import { type Closed, type Drawn, type ScreenSize, type ShowParts, showOnce } from './show-once.js';

/** The person at the keyboard. */
export interface Terminal {
  /** Returns exactly what was typed. @throws E_CANCELED */
  typed(question: string): Promise<string>;
  /** Returns what was typed without echo. @throws E_CANCELED */
  hidden(question: string): Promise<Secret>;
  /** Writes a line to stderr. */
  say(line: string): void;
  /** The current size. */
  size(): ScreenSize;
  /**
   * Asks for consent if what is shown would stay in the scrollback. Call it before the secret is created.
   *
   * @param what e.g. `the backup codes`
   * @param instead the flag that writes to a file, e.g. `--codes-to FILE`
   * @throws E_CANCELED
   */
  readyToShow(what: string, instead?: string): Promise<void>;
  /**
   * Shows lines on the alternate screen until `saved` is typed, ten minutes have passed, or the command is interrupted; then wipes them.
   * The lines are written unescaped: they may contain colors, but no data from outside.
   */
  showOnce(draw: (size: ScreenSize) => Drawn): Promise<Closed>;
}

/** What a terminal works with. */
export interface TerminalParts {
  readonly prompter: Prompter;
  readonly diagnostics: Diagnostics;
  readonly progress: ProgressDisplay;
  readonly interrupts: ShowParts['interrupts'] & { readonly signal: AbortSignal };
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** The value of TERM. */
  readonly kind: string | undefined;
}

/** Creates the terminal on stdin and stderr. Do not call it if either is not a terminal. */
export function createTerminal(parts: TerminalParts): Terminal {
  const { prompter, diagnostics, progress, interrupts, input, output } = parts;
  let wipes: boolean | undefined;
  const terminal: Terminal = {
    async typed(question) {
      progress.end('paused');
      return prompter.typed(question);
    },
    async hidden(question) {
      progress.end('paused');
      return prompter.password(question);
    },
    say: diagnostics.say,
    size: () => screenSize(output),
    async readyToShow(what, instead) {
      progress.end('paused');
      wipes ??= parts.kind !== 'dumb' && (await hasAlternateScreen(input, output));
      interrupts.signal.throwIfAborted();
      if (!wipes) await askToShow(terminal, what, instead);
    },
    async showOnce(draw) {
      progress.end('paused');
      const closed = await showOnce(draw, { input, output, interrupts, wipes: wipes ?? true });
      interrupts.signal.throwIfAborted();
      return closed;
    },
  };
  return terminal;
}

async function askToShow(terminal: Terminal, what: string, instead: string | undefined): Promise<void> {
  const fix = [
    ...(instead === undefined ? [] : [`Write them to a new file instead: ${instead}`]),
    'tmux: `tmux set-option -g alternate-screen on`; GNU screen: `altscreen on` in ~/.screenrc.',
  ];
  terminal.say(`! This terminal has no alternate screen: ${what} would stay in its scrollback.`);
  terminal.say('  potctl erases them afterwards, but the terminal may keep a copy.');
  for (const line of fix) terminal.say(`  ${line}`);
  const answer = await terminal.typed('Type show to show them here (Enter cancels)');
  if (answer.trim().toLowerCase() === 'show') return;
  throw new PotctlError('E_CANCELED', `canceled: ${what} not created`, { changed: 'nothing', fix });
}
