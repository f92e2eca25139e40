import { readRaw } from './raw-input.js';

type Place = readonly [row: number, column: number];

const ASK_PLACE = '\u001b[6n';
const ANSWERS_WITHIN_MS = 2_000;

/**
 * Tells whether the terminal has an alternate screen, which leaves nothing in the scrollback. TERM and terminfo do not say (tmux and screen
 * can switch it off, some emulators have none), so this tries it: entering saves the cursor position and leaving restores it. If the cursor
 * is still where it was moved in between, there is no alternate screen. A terminal that does not answer counts as one without.
 */
export async function hasAlternateScreen(
  input: NodeJS.ReadStream,
  output: Pick<NodeJS.WriteStream, 'write'>,
): Promise<boolean> {
  const before = await placeOfCursor(input, output, '');
  if (before === null) return false;
  const other: Place = before[0] === 1 && before[1] === 1 ? [2, 2] : [1, 1];
  const after = await placeOfCursor(input, output, `\u001b[?1049h${goTo(other)}\u001b[?1049l`);
  if (after !== null && after[0] === before[0] && after[1] === before[1]) return true;
  output.write(goTo(before));
  return false;
}

/** Returns the sequence that moves the cursor. The first row and column are 1. */
export function goTo([row, column]: Place): string {
  return `\u001b[${row};${column}H`;
}

/** Asks the terminal for the cursor position. Discards anything typed in the meantime. */
function placeOfCursor(
  input: NodeJS.ReadStream,
  output: Pick<NodeJS.WriteStream, 'write'>,
  first: string,
): Promise<Place | null> {
  return new Promise((resolve) => {
    let received = '';
    const done = (place: Place | null): void => {
      clearTimeout(timer);
      raw.release();
      resolve(place);
    };
    const timer = setTimeout(() => done(null), ANSWERS_WITHIN_MS);
    const raw = readRaw(input, (keys) => {
      received += keys ?? '';
      const [, row, column] = /\u001b\[(\d+);(\d+)R/.exec(received) ?? [];
      if (keys === null) done(null);
      else if (row !== undefined) done([Number(row), Number(column)]);
    });
    output.write(first + ASK_PLACE);
  });
}
