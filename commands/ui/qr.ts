import { encode, renderSVG } from 'uqr';

/** Light modules around the square that scanners need; ISO/IEC 18004 asks for four. */
const QUIET = 4;
const BLACK_ON_WHITE = '\u001b[38;5;16;48;5;231m';
const RESET = '\u001b[0m';
const HALVES = [' ', '▄', '▀', '█'] as const;
const PNG_SCALE = 8;

/** The modules, dark = true, with their quiet zone. */
function modulesOf(text: string): boolean[][] {
  return encode(text, { ecc: 'L', border: QUIET }).data;
}

/**
 * The square as lines for a terminal: two modules a character, always dark on white, so that it scans on light and dark themes.
 *
 * @returns null when it does not fit: a square that wraps cannot be scanned
 */
export function qrLines(
  text: string,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): string[] | null {
  const modules = modulesOf(text);
  const lines = Math.ceil(modules.length / 2);
  if (modules.length > columns || lines > rows) return null;
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

/**
 * What is shown of a new secret: the square and the key beneath, or, where the screen is too small, the key in groups of four.
 *
 * @param lines the secret in base32, and its `otpauth://` address
 */
export function secretScreen(
  [secret = '', uri = '']: readonly string[],
  size: { readonly columns: number; readonly rows: number },
): string[] {
  const key = secret.match(/.{1,4}/g)?.join(' ') ?? '';
  const below = ['', `Or type this key in the app:  ${key}`, 'Then confirm the first code. Any key wipes this screen.'];
  const square = qrLines(uri, { columns: size.columns, rows: size.rows - below.length - 1 });
  if (square === null) return ['This window is too small for the square.', ...below.slice(1)];
  return [...square, ...below];
}
