import type { Ora } from 'ora';
import { visible } from './visible.js';

/** One moving line at the bottom of a terminal. */
export interface Spinner {
  show(text: string): void;
  clear(): void;
  /** Clears the line, does `work`, draws it again. */
  pause(work: () => void): void;
}

const REDRAW_EVERY_MS = 100;
const still: Spinner = { show() {}, clear() {}, pause: (work) => work() };

/** A spinner on `terminal`; one that does nothing where there is none. What draws it is loaded with the first text. */
export function createSpinner(terminal: NodeJS.WritableStream | null): Spinner {
  if (terminal === null) return still;
  let ora: Ora | undefined;
  let asked = false;
  let text: string | undefined;
  let shownAt = 0;
  const load = async (): Promise<void> => {
    const module = await import('ora');
    ora = module.default({ stream: terminal, discardStdin: false, prefixText: ' ' });
    if (text !== undefined) ora.start(text);
  };
  const clear = (): void => {
    text = undefined;
    ora?.stop();
  };
  return {
    clear,
    show(next) {
      const known = text?.split('  ')[0] === next.split('  ')[0];
      if (known && performance.now() - shownAt < REDRAW_EVERY_MS) return;
      shownAt = performance.now();
      text = visible(next);
      if (!asked) void load();
      asked = true;
      if (ora?.isSpinning) ora.text = text;
      else ora?.start(text);
    },
    pause(work) {
      const held = text;
      clear();
      work();
      if (held === undefined) return;
      text = held;
      ora?.start(held);
    },
  };
}
