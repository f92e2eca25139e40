import { readRaw } from './raw-input.js';

type Place = readonly [row: number, column: number];

const ASK_PLACE = '\u001b[6n';
const ANSWERS_WITHIN_MS = 2_000;

/**
 * Has this terminal a second screen, so that nothing of what is shown there stays? Neither TERM nor terminfo tells (tmux and screen can
 * switch it off, and some emulators have none): it is tried. Entering saves the cursor and leaving brings it back; where the cursor stays
 * where it was moved to meanwhile, there was no second screen. A terminal that does not answer counts as one without.
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

/** Moves the cursor; the first row and column are 1. */
export function goTo([row, column]: Place): string {
  return `\u001b[${row};${column}H`;
}

/** Whatever else is typed meanwhile is thrown away. */
function placeOfCursor(
  input: NodeJS.ReadStream,
  output: Pick<NodeJS.WriteStream, 'write'>,
  first: string,
): Promise<Place | null> {
  return new Promise((resolve) => {
    let heard = '';
    const done = (place: Place | null): void => {
      clearTimeout(timer);
      raw.release();
      resolve(place);
    };
    const timer = setTimeout(() => done(null), ANSWERS_WITHIN_MS);
    const raw = readRaw(input, (keys) => {
      heard += keys ?? '';
      const [, row, column] = /\u001b\[(\d+);(\d+)R/.exec(heard) ?? [];
      if (keys === null) done(null);
      else if (row !== undefined) done([Number(row), Number(column)]);
    });
    output.write(first + ASK_PLACE);
  });
}
