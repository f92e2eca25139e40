import { PotctlError } from '../../src/kernel/errors.js';
import { screenSize } from '../cli/run/streams.js';
import { goTo } from './alternate-screen.js';
import { discardTyped, readRaw } from './raw-input.js';
import { cut } from './visible.js';

/** Rows and columns of a terminal. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** The content of the screen. */
export interface Drawn {
  readonly lines: readonly string[];
  /** Where the lines about closing the screen go. The first row and column are 0. */
  readonly closing: { readonly row: number; readonly column: number };
}

/** Why the screen was closed. */
export type Closed = 'saved' | 'time' | 'interrupted';

/** What `showOnce` works with. */
export interface ShowParts {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly interrupts: { readonly pressed: AbortSignal; abort(reason: PotctlError): void };
  /** False if the terminal has no alternate screen. Then the scrollback is cleared afterwards. */
  readonly wipes: boolean;
  /** Default ten minutes. */
  readonly shownMs?: number;
}

/** How many rows and columns the lines about closing the screen take. */
export const CLOSING = { rows: 3, columns: 30 } as const;

const SHOWN_MS = 600_000;
/** Keys that arrive later than this were typed by someone who sees the screen. */
const TYPED_AHEAD_MS = 250;
/** Arrow keys and late answers from the terminal. */
const SEQUENCE = /\u001b(\[[0-9;?]*[A-Za-z~]|O.)/g;
const ENTER = '\u001b[?1049h\u001b[H\u001b[2J';
const LEAVE = '\u001b[?1049l';
const CLEAR_SCROLLBACK = '\u001b[3J';

/**
 * Shows lines until someone types `saved`, the time is up, or the command is interrupted; then wipes them. Discards what was typed before
 * they appeared. Typing `more` restarts the time. Redraws everything when the window is resized.
 */
export async function showOnce(draw: (size: ScreenSize) => Drawn, parts: ShowParts): Promise<Closed> {
  const { input, output, wipes } = parts;
  await discardTyped(input, TYPED_AHEAD_MS);
  const leave = (): void => void output.write(wiped(screenSize(output)) + (wipes ? '' : CLEAR_SCROLLBACK));
  // Nothing may stay on the screen, even if the process ends at once.
  process.once('exit', leave);
  output.write(ENTER);
  try {
    return await untilClosed(draw, parts);
  } finally {
    process.off('exit', leave);
    leave();
  }
}

/** Wipes row by row: some terminals keep a screen that is cleared at once in their scrollback. */
function wiped({ rows }: ScreenSize): string {
  return `${Array.from({ length: rows }, (_, row) => `${goTo([row + 1, 1])}\u001b[2K`).join('')}${goTo([1, 1])}${LEAVE}`;
}

function untilClosed(draw: (size: ScreenSize) => Drawn, parts: ShowParts): Promise<Closed> {
  const { input, output, interrupts, shownMs = SHOWN_MS } = parts;
  const { pressed } = interrupts;
  return new Promise((resolve) => {
    let [typed, endsAt, missed] = ['', performance.now() + shownMs, false];
    const leftMs = (): number => endsAt - performance.now();
    const drawAll = (): void => void output.write(linesText(draw(screenSize(output)), screenSize(output)));
    const drawClosing = (): void => {
      const size = screenSize(output);
      output.write(closingText(draw(size), size, { leftMs: leftMs(), typed, missed }));
    };
    const resized = (): void => {
      drawAll();
      drawClosing();
    };
    const tick = setInterval(() => (leftMs() <= 0 ? close('time') : drawClosing()), 1_000);
    const interrupted = (): void => close('interrupted');
    const close = (how: Closed): void => {
      clearInterval(tick);
      raw.release();
      output.off('resize', resized);
      pressed.removeEventListener('abort', interrupted);
      resolve(how);
    };
    const entered = (word: string): void => {
      if (word === 'saved') close('saved');
      if (word === 'more') endsAt = performance.now() + shownMs;
      missed = word !== 'more';
    };
    const raw = readRaw(input, (keys) => {
      if (keys === null || keys.includes('\u0003')) {
        interrupts.abort(new PotctlError('E_INTERRUPTED', 'interrupted'));
        interrupted();
        return;
      }
      const [last = '', ...before] = (typed + keys.replace(SEQUENCE, '')).split(/[\r\n]/).reverse();
      typed = edited(last);
      for (const line of before.reverse()) entered(edited(line).trim().toLowerCase());
      drawClosing();
    });
    output.on('resize', resized);
    pressed.addEventListener('abort', interrupted, { once: true });
    if (pressed.aborted) interrupted();
    else resized();
  });
}

/** Returns the typed letters after applying backspaces. */
function edited(keys: string): string {
  let text = '';
  for (const key of keys) {
    if (key === '\u007f' || key === '\b') text = text.slice(0, -1);
    else if (/[a-z ]/i.test(key)) text += key;
  }
  return text.slice(0, 8);
}

function linesText({ lines }: Drawn, { rows }: ScreenSize): string {
  const drawn = lines.slice(0, rows).map((line, row) => `${goTo([row + 1, 1])}${line}`);
  return `\u001b[H\u001b[2J${drawn.join('')}`;
}

function closingText(
  { closing: { row, column } }: Drawn,
  { columns }: ScreenSize,
  { leftMs, typed, missed }: { readonly leftMs: number; readonly typed: string; readonly missed: boolean },
): string {
  const left = Math.max(0, Math.ceil(leftMs / 1_000));
  const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
  const first = missed ? '! Type saved, then Enter.' : 'Copied? Type saved and Enter.';
  const words = [first, 'More time? Type more and Enter', `Wiped in ${time}  › ${typed}`];
  return words.map((text, at) => `${goTo([row + at + 1, column + 1])}\u001b[K${cut(text, columns - column)}`).join('');
}
