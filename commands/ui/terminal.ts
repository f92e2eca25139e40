import type { PotctlError } from '../../src/errors.js';
import type { Secret } from '../../src/secret.js';
import type { Diagnostics } from './diagnostics.js';
import type { ProgressDisplay } from './progress.js';
import type { Prompter } from './prompts.js';

/** A screen that is gone afterwards. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** The person at the keyboard. */
export interface Terminal {
  /** What was typed, exactly. @throws E_CANCELLED */
  typed(question: string): Promise<string>;
  /** Typed without an echo. @throws E_CANCELLED */
  hidden(question: string): Promise<Secret>;
  /** A line on stderr. */
  say(line: string): void;
  /** Of stderr, now. */
  columns(): number;
  /**
   * Shows lines on the alternate screen until a key is pressed, two minutes are over, or the command is interrupted; then they are wiped.
   * The lines go to the terminal as they are: they may bring colours, and nothing of a stranger's.
   */
  showOnce(draw: (size: ScreenSize) => readonly string[]): Promise<void>;
}

/** What a terminal is made of. */
export interface TerminalParts {
  readonly prompter: Prompter;
  readonly diagnostics: Diagnostics;
  readonly progress: ProgressDisplay;
  readonly interrupts: { readonly signal: AbortSignal; abort(reason: PotctlError): void };
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

const SHOWN_MS = 120_000;
const ENTER = '\u001b[?1049h\u001b[H\u001b[2J';
/** Wiped before it is left: some terminals keep what stood on the other screen. */
const LEAVE = '\u001b[H\u001b[2J\u001b[?1049l';

/** The terminal of stdin and stderr; whoever has none must not make one. */
export function createTerminal(parts: TerminalParts): Terminal {
  const { prompter, diagnostics, progress } = parts;
  return {
    async typed(question) {
      progress.end('paused');
      return prompter.typed(question);
    },
    async hidden(question) {
      progress.end('paused');
      return prompter.password(question);
    },
    say: diagnostics.say,
    columns: () => parts.output.columns || 80,
    async showOnce(draw) {
      progress.end('paused');
      await showOnce(draw, parts);
    },
  };
}

async function showOnce(draw: (size: ScreenSize) => readonly string[], parts: TerminalParts): Promise<void> {
  const { input, output, interrupts } = parts;
  const leave = (): void => void output.write(LEAVE);
  // Also when this process ends at once: nothing of it may stay.
  process.once('exit', leave);
  output.write(ENTER + draw({ columns: output.columns ?? 80, rows: output.rows ?? 24 }).join('\r\n'));
  try {
    await keyPressed(input, interrupts.signal);
  } finally {
    process.off('exit', leave);
    leave();
  }
  interrupts.signal.throwIfAborted();
}

/** Any key; Ctrl-C, too, which in raw mode is no signal. */
function keyPressed(input: NodeJS.ReadStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wasRaw = input.isRaw;
    const done = (): void => {
      clearTimeout(timer);
      input.off('data', done);
      signal.removeEventListener('abort', done);
      if (!wasRaw) input.setRawMode(false);
      input.pause();
      resolve();
    };
    const timer = setTimeout(done, SHOWN_MS);
    input.setRawMode(true);
    input.on('data', done).resume();
    signal.addEventListener('abort', done, { once: true });
  });
}
