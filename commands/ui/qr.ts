import { encode, renderSVG } from 'uqr';
import { CLOSING, type Drawn, type ScreenSize } from './show-once.js';

/** Light modules around the square that scanners need; ISO/IEC 18004 asks for four. Every scanner tried reads it with one. */
const QUIET = 4;
const LEAST_QUIET = 1;
const BLACK_ON_WHITE = '\u001b[38;5;16;48;5;231m';
const RESET = '\u001b[0m';
const HALVES = [' ', '▄', '▀', '█'] as const;
const PNG_SCALE = 8;
/** Blank columns between the square and the text beside it. */
const GAP = 2;

/** The modules, dark = true, with their quiet zone. */
function modulesOf(text: string, quiet = QUIET): boolean[][] {
  return encode(text, { ecc: 'L', border: quiet }).data;
}

/**
 * The square as lines for a terminal: two modules a character, always dark on white, so that it scans on light and dark themes.
 *
 * @returns null when it does not fit: a square that wraps cannot be scanned
 */
export function qrLines(text: string, { columns, rows }: ScreenSize): string[] | null {
  for (let quiet = QUIET; quiet >= LEAST_QUIET; quiet -= 1) {
    const modules = modulesOf(text, quiet);
    const lines = Math.ceil(modules.length / 2);
    if (modules.length <= columns && lines <= rows) return halfBlocks(modules, lines);
  }
  return null;
}

function halfBlocks(modules: readonly boolean[][], lines: number): string[] {
  return Array.from({ length: lines }, (_, line) => {
    const [upper, lower] = [modules[2 * line]!, modules[2 * line + 1]];
    const cells = upper.map((isDark, at) => HALVES[(isDark ? 2 : 0) + (lower?.[at] === true ? 1 : 0)]);
    return `${BLACK_ON_WHITE}${cells.join('')}${RESET}`;
  });
}

/** The square as an image: PNG or SVG, by the end of the file's name. */
export async function qrImage(text: string, file: string): Promise<Uint8Array> {
  if (/\.svg$/i.test(file)) return Buffer.from(renderSVG(text, { ecc: 'L', border: QUIET }));
  const { PNG } = (await import('pngjs')).default;
  const modules = modulesOf(text);
  const size = modules.length * PNG_SCALE;
  const image = new PNG({ width: size, height: size, colorType: 0 });
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const isDark = modules[Math.floor(y / PNG_SCALE)]![Math.floor(x / PNG_SCALE)]!;
      image.data.fill(isDark ? 0 : 255, (y * size + x) * 4, (y * size + x) * 4 + 3);
      image.data[(y * size + x) * 4 + 3] = 255;
    }
  }
  return PNG.sync.write(image, { colorType: 0 });
}

/** The smallest window that shows the square of such an address, with the text beside it. */
export function qrNeeds(uri: string): ScreenSize {
  const width = modulesOf(uri, LEAST_QUIET).length;
  return { columns: width + GAP + CLOSING.columns, rows: Math.max(Math.ceil(width / 2), BESIDE_ROWS) };
}

/** Rows of the text beside the square. */
const BESIDE_ROWS = 12;

/**
 * What is shown of a new secret: the square with the key beneath or beside it, or, where the screen is too small, the key in groups of
 * four.
 *
 * @param lines the secret in base32, and its `otpauth://` address
 */
export function secretScreen([secret = '', uri = '']: readonly string[], size: ScreenSize): Drawn {
  const groups = secret.match(/.{1,4}/g) ?? [];
  return (
    squareAbove(groups, uri, size) ??
    squareBeside(groups, uri, size) ??
    below(['Type this key in the app:', '', `  ${groups.join(' ')}`, '', 'Then confirm the first code.', ''])
  );
}

/** Is there room for the square of such an address? */
export function squareFits(uri: string, size: ScreenSize): boolean {
  return (squareAbove(SAMPLE_GROUPS, uri, size) ?? squareBeside(SAMPLE_GROUPS, uri, size)) !== null;
}

const SAMPLE_GROUPS = Array.from({ length: 8 }, () => 'AAAA');

function below(lines: readonly string[]): Drawn {
  return { lines, closing: { row: lines.length, column: 0 } };
}

function squareAbove(groups: readonly string[], uri: string, { columns, rows }: ScreenSize): Drawn | null {
  const words = ['', `Or type this key in the app:  ${groups.join(' ')}`, 'Then confirm the first code.'];
  const square = qrLines(uri, { columns, rows: rows - words.length - CLOSING.rows });
  return square === null || words[1]!.length > columns ? null : below([...square, ...words]);
}

function squareBeside(groups: readonly string[], uri: string, { columns, rows }: ScreenSize): Drawn | null {
  const square = qrLines(uri, { columns: columns - GAP - CLOSING.columns, rows });
  if (square === null || rows < BESIDE_ROWS) return null;
  const keys = [groups.slice(0, 4), groups.slice(4, 8), groups.slice(8)].filter((line) => line.length > 0);
  const words = [
    ...['Scan this QR code in the app,', 'or type this key there:', ''],
    ...keys.map((line) => ` ${line.join(' ')}`),
    ...['', 'Then confirm the first code.', ''],
  ];
  const width = square[0]!.length - BLACK_ON_WHITE.length - RESET.length;
  const blank = ' '.repeat(width);
  const height = Math.max(square.length, words.length);
  const lines = Array.from({ length: height }, (_, row) =>
    `${square[row] ?? blank}${' '.repeat(GAP)}${words[row] ?? ''}`.trimEnd(),
  );
  return { lines, closing: { row: words.length, column: width + GAP } };
}
