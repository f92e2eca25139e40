import { cut, visible } from './visible.js';

/** One moving line at the bottom of a terminal. */
export interface Spinner {
  show(text: string): void;
  clear(): void;
  /** Clears the line, runs `work`, and draws the line again. */
  pause(work: () => void): void;
}

/** What a spinner needs from a terminal. */
export interface SpinnerTerminal {
  /** The current width. */
  readonly columns: number | undefined;
  write(text: string): void;
  /** True if the terminal has taken everything that was written. */
  isIdle(): boolean;
}

const REDRAW_EVERY_MS = 100;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const ERASE = '\r\u001b[K';
const still: Spinner = { show() {}, clear() {}, pause: (work) => work() };

/**
 * Creates a spinner, or one that does nothing without a terminal. It writes one line that never wraps, does not hide the cursor, and skips
 * a frame if the terminal has not taken the last one.
 */
export function createSpinner(terminal: SpinnerTerminal | null): Spinner {
  if (terminal === null) return still;
  let text: string | undefined;
  let frame = 0;
  let isDrawn = false;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    if (text === undefined || !terminal.isIdle()) return;
    frame += 1;
    const line = cut(`  ${FRAMES[frame % FRAMES.length]} ${text}`, (terminal.columns ?? 80) - 1);
    terminal.write(`\r${line}\u001b[K`);
    isDrawn = true;
  };
  const clear = (): void => {
    clearInterval(timer);
    timer = undefined;
    text = undefined;
    if (isDrawn) terminal.write(ERASE);
    isDrawn = false;
  };
  const show = (next: string): void => {
    text = visible(next);
    if (timer !== undefined) return;
    timer = setInterval(draw, REDRAW_EVERY_MS).unref();
    draw();
  };
  return {
    clear,
    show,
    pause(work) {
      const held = text;
      clear();
      work();
      if (held !== undefined) show(held);
    },
  };
}
