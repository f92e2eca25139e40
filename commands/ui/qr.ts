import qrcode from 'qrcode-terminal';
import { CLOSING, type Drawn, type ScreenSize } from './show-once.js';

/** Light modules around the QR code that scanners need; ISO/IEC 18004 requires four. Every scanner tried reads it with one. */
const QUIET = 4;
const LEAST_QUIET = 1;
const LIGHT = '█';
const WHITE_ON_BLACK = '\u001b[38;5;231;48;5;16m';
const RESET = '\u001b[0m';
const PNG_SCALE = 8;
const SVG_SCALE = 10;
/** Blank columns between the QR code and the text next to it. */
const GAP = 2;

/**
 * Returns the QR code as qrcode-terminal draws it, without its frame of one module: two modules per character, the light ones in the text
 * color. Measured with zbarimg on 19 texts of 39 to 2 900 characters and four themes: the same size and the same reading rate as with uqr,
 * which drew dark modules on a light background. With one pixel of background between lines, as some fonts leave it, zbarimg read none of
 * uqr's and all of these.
 *
 * @param text ASCII, such as a percent-encoded address
 */
function drawnLines(text: string): string[] {
  let drawn = '';
  qrcode.generate(text, { small: true }, (lines) => {
    drawn = lines;
  });
  const [, ...lines] = drawn.trimEnd().split('\n');
  return lines.map((line) => line.slice(1, -1));
}

/** Adds the quiet zone. The last drawn line ends with a light half, which counts as one of its modules. */
function quietLines(lines: readonly string[], quiet: number): string[] {
  const side = LIGHT.repeat(quiet);
  const blank = LIGHT.repeat(lines.length === 0 ? 0 : lines[0]!.length + 2 * quiet);
  const above = Array.from({ length: Math.ceil(quiet / 2) }, () => blank);
  const below = Array.from({ length: Math.floor(quiet / 2) }, () => blank);
  return [...above, ...lines.map((line) => `${side}${line}${side}`), ...below];
}

/** Returns the modules with their quiet zone, dark = true. */
function modulesOf(text: string): boolean[][] {
  const lines = quietLines(drawnLines(text), QUIET).map((line) => [...line]);
  const rows = lines.flatMap((cells) => [
    cells.map((cell) => cell === ' ' || cell === '▄'),
    cells.map((cell) => cell === ' ' || cell === '▀'),
  ]);
  return rows.slice(0, rows[0]!.length);
}

/**
 * Returns the QR code as lines for a terminal. Each line sets black and white, so that it scans on light and dark themes.
 *
 * @returns null if it does not fit: a QR code that wraps cannot be scanned
 */
export function qrLines(text: string, { columns, rows }: ScreenSize): string[] | null {
  const drawn = drawnLines(text);
  for (let quiet = QUIET; quiet >= LEAST_QUIET; quiet -= 1) {
    const lines = quietLines(drawn, quiet);
    if (lines[0]!.length <= columns && lines.length <= rows)
      return lines.map((line) => `${WHITE_ON_BLACK}${line}${RESET}`);
  }
  return null;
}

/** Returns the QR code as an image: SVG if the file name ends in `.svg`, else PNG. */
export async function qrImage(text: string, file: string): Promise<Uint8Array> {
  const modules = modulesOf(text);
  return /\.svg$/i.test(file) ? svgOf(modules) : pngOf(modules);
}

function svgOf(modules: readonly boolean[][]): Uint8Array {
  const size = modules.length * SVG_SCALE;
  const box = `h${SVG_SCALE}v${SVG_SCALE}h-${SVG_SCALE}z`;
  const dark = modules.flatMap((row, y) =>
    row.map((isDark, x) => (isDark ? `M${x * SVG_SCALE},${y * SVG_SCALE}${box}` : '')),
  );
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}">` +
      `<rect fill="white" width="${size}" height="${size}"/><path fill="black" d="${dark.join('')}"/></svg>`,
  );
}

async function pngOf(modules: readonly boolean[][]): Promise<Uint8Array> {
  const { PNG } = (await import('pngjs')).default;
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

/** Returns the smallest window that shows the QR code of this address with the text next to it. */
export function qrNeeds(uri: string): ScreenSize {
  const lines = quietLines(drawnLines(uri), LEAST_QUIET);
  return { columns: lines[0]!.length + GAP + CLOSING.columns, rows: Math.max(lines.length, BESIDE_ROWS) };
}

/** Rows of the text next to the QR code. */
const BESIDE_ROWS = 12;

/**
 * Draws a new secret: the QR code with the key below or next to it. On a screen that is too small it shows only the key, in groups of
 * four.
 *
 * @param lines the secret in base32 and its `otpauth://` address
 */
export function secretScreen([secret = '', uri = '']: readonly string[], size: ScreenSize): Drawn {
  const groups = secret.match(/.{1,4}/g) ?? [];
  return (
    qrAbove(groups, uri, size) ??
    qrBeside(groups, uri, size) ??
    below(['Type this key in the app:', '', `  ${groups.join(' ')}`, '', 'Then confirm the first code.', ''])
  );
}

/** Tells whether the QR code of this address fits on the screen. */
export function squareFits(uri: string, size: ScreenSize): boolean {
  return (qrAbove(SAMPLE_GROUPS, uri, size) ?? qrBeside(SAMPLE_GROUPS, uri, size)) !== null;
}

const SAMPLE_GROUPS = Array.from({ length: 8 }, () => 'AAAA');

function below(lines: readonly string[]): Drawn {
  return { lines, closing: { row: lines.length, column: 0 } };
}

function qrAbove(groups: readonly string[], uri: string, { columns, rows }: ScreenSize): Drawn | null {
  const words = ['', `Or type this key in the app:  ${groups.join(' ')}`, 'Then confirm the first code.'];
  const code = qrLines(uri, { columns, rows: rows - words.length - CLOSING.rows });
  return code === null || words[1]!.length > columns ? null : below([...code, ...words]);
}

function qrBeside(groups: readonly string[], uri: string, { columns, rows }: ScreenSize): Drawn | null {
  const code = qrLines(uri, { columns: columns - GAP - CLOSING.columns, rows });
  if (code === null || rows < BESIDE_ROWS) return null;
  const keys = [groups.slice(0, 4), groups.slice(4, 8), groups.slice(8)].filter((line) => line.length > 0);
  const words = [
    ...['Scan this QR code in the app,', 'or type this key there:', ''],
    ...keys.map((line) => ` ${line.join(' ')}`),
    ...['', 'Then confirm the first code.', ''],
  ];
  const width = code[0]!.length - WHITE_ON_BLACK.length - RESET.length;
  const blank = ' '.repeat(width);
  const height = Math.max(code.length, words.length);
  const lines = Array.from({ length: height }, (_, row) =>
    `${code[row] ?? blank}${' '.repeat(GAP)}${words[row] ?? ''}`.trimEnd(),
  );
  return { lines, closing: { row: words.length, column: width + GAP } };
}
