import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PNG } from 'pngjs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { codesFit, codesScreen } from '../../commands/mfa/shared/codes-screen.js';
import { qrImage, qrLines, qrNeeds, secretScreen, squareFits } from '../../commands/ui/qr.js';
import { CLOSING, type Drawn, type ScreenSize } from '../../commands/ui/show-once.js';
import { provisioningUri } from '../../src/mfa/provisioning-uri.js';
import { pixelsOf } from '../support/ansi-pixels.js';
import { outputOf, testWith } from '../support/programs.js';

const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const SHORT = provisioningUri('3dPot', 'ana@example.com', SECRET);
const MIDDLE = provisioningUri('VIU Platform', 'ana.maria.da.silva+potes@ceramica.example.com', SECRET);
const LONG = provisioningUri('Cerâmica São João & Irmãos', `${'joão.'.repeat(15)}silva@example.com`, SECRET);
const URIS = [
  ['short', SHORT],
  ['usual', MIDDLE],
  ['long', LONG],
] as const;
const WIDE = { columns: 200, rows: 100 };
const THEMES = {
  dark: { text: [204, 204, 204], background: [0, 0, 0] },
  light: { text: [0, 0, 0], background: [255, 255, 255] },
  'solarized dark': { text: [131, 148, 150], background: [0, 43, 54] },
  'solarized light': { text: [101, 123, 131], background: [253, 246, 227] },
} as const;

function scan(image: Uint8Array): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'potctl-qr-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'qr.png');
  writeFileSync(file, image);
  return outputOf('zbarimg', ['--quiet', '--raw', '-Sdisable', '-Sqrcode.enable', file]).trimEnd();
}

describe('the QR code on the screen', () => {
  for (const [length, uri] of URIS) {
    testWith('zbarimg')(`of a ${length} address is scanned on dark, light and solarized terminals`, () => {
      const lines = qrLines(uri, WIDE)!;
      const images = Object.values(THEMES).map((theme) => pixelsOf(lines, theme));
      for (const image of images) expect(scan(image)).toBe(uri);
    });
  }

  test.each(URIS)('of a %s URI sets all colors, and has a quiet zone of four modules', (_, uri) => {
    const lines = qrLines(uri, WIDE)!;
    for (const line of lines) expect(line).toMatch(/^\u001b\[38;5;16;48;5;231m[ ▀▄█]+\u001b\[0m$/);
    const cells = lines.map((line) => line.replace(/\u001b\[[0-9;]*m/g, ''));
    expect(new Set(cells.map((line) => line.length)).size).toBe(1);
    expect(cells.slice(0, 2).join('')).toMatch(/^ +$/);
    for (const line of cells) expect(line).toMatch(/^ {4}.* {4}$/);
    expect(cells.length).toBe(Math.ceil(cells[0]!.length / 2));
  });

  test.each(URIS)('of a %s URI is not drawn if it would wrap or scroll by one', (_, uri) => {
    const least = qrLines(uri, WIDE)!.length - 3;
    const columns = widthOf(qrLines(uri, WIDE)![0]!) - 6;
    expect(qrLines(uri, { columns, rows: least })).toHaveLength(least);
    expect(qrLines(uri, { columns: columns - 1, rows: least })).toBeNull();
    expect(qrLines(uri, { columns, rows: least - 1 })).toBeNull();
  });

  for (const [length, uri] of URIS.slice(0, 2)) {
    testWith('zbarimg')(`of a ${length} address is scanned from the usual window of 80 columns and 24 rows`, () => {
      const screen = screenOf(secretScreen([SECRET, uri], { columns: 80, rows: 24 }), { columns: 80, rows: 24 });
      for (const theme of Object.values(THEMES)) expect(scan(pixelsOf(screen, theme))).toBe(uri);
    });
  }

  testWith('zbarimg')('is scanned with the narrowest light frame that is ever drawn', () => {
    for (const [, uri] of URIS) {
      const size = qrNeeds(uri);
      const screen = screenOf(secretScreen([SECRET, uri], size), size);
      for (const theme of Object.values(THEMES)) expect(scan(pixelsOf(screen, theme))).toBe(uri);
    }
  });
});

/** What a terminal of that size shows, without the words: they are no part of the square. */
function screenOf({ lines, closing }: Drawn, { columns, rows }: ScreenSize): string[] {
  expect(lines.length).toBeLessThanOrEqual(rows);
  expect(closing.row + CLOSING.rows).toBeLessThanOrEqual(rows);
  expect(closing.column + CLOSING.columns).toBeLessThanOrEqual(columns);
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
  const blank = Array.from({ length: rows - lines.length }, () => '');
  return [
    ...lines.map((line) => (line.includes('\u001b[0m') ? `${line.split('\u001b[0m')[0]}\u001b[0m` : '')),
    ...blank,
  ];
}

const widthOf = (line: string): number => line.replace(/\u001b\[[0-9;]*m/g, '').length;

describe('the screen of a new secret', () => {
  const KEY = 'GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ';

  test('shows the QR code and the key in groups of four, within the rows and columns of the window', () => {
    for (let rows = 9; rows < 60; rows += 1) {
      const { lines, closing } = secretScreen([SECRET, MIDDLE], { columns: 100, rows });
      const words = lines.map((line) => line.replace(/^\u001b.*\u001b\[0m/, '').trim());
      expect(words.join(' ')).toContain(KEY);
      expect(closing.row + CLOSING.rows).toBeLessThanOrEqual(rows);
      expect(lines.length).toBeLessThanOrEqual(rows);
    }
    expect(secretScreen([SECRET, MIDDLE], WIDE).lines.join('\n')).toContain('▀');
  });

  test('shows only the key, without the URI, in a window that is too small', () => {
    const size = { columns: 60, rows: 20 };
    expect(squareFits(SHORT, size)).toBe(false);
    const { lines } = secretScreen([SECRET, SHORT], size);
    expect(lines.join('\n')).toContain(KEY);
    expect(lines.join('\n')).not.toMatch(/otpauth|▀/);
  });

  test('fits into a window of the size that is asked for, and into no smaller one', () => {
    for (const [, uri] of URIS) {
      const { columns, rows } = qrNeeds(uri);
      expect(squareFits(uri, { columns, rows })).toBe(true);
      expect(squareFits(uri, { columns: columns - 1, rows })).toBe(false);
      expect(squareFits(uri, { columns, rows: rows - 1 })).toBe(false);
    }
  });
});

describe('the screen of backup codes', () => {
  const codes = Array.from({ length: 10 }, (_, at) => `XXXX-XXXX-XXXX-${1000 + at}`);

  test.each([
    [80, 24],
    [60, 20],
    [100, 12],
    [200, 9],
  ])('shows all of them uncut at %i × %i', (columns, rows) => {
    expect(codesFit(codes, 'each one works once.', { columns, rows })).toBe(true);
    const { lines, closing } = codesScreen(codes, 'each one works once.', { columns, rows });
    for (const code of codes) expect(lines.join('\n')).toContain(code);
    expect(closing.row + CLOSING.rows).toBeLessThanOrEqual(rows);
  });

  test('does not fit if one would be cut', () => {
    expect(codesFit(codes, 'each one works once.', { columns: 40, rows: 9 })).toBe(false);
    expect(codesFit(codes, 'each one works once.', { columns: 20, rows: 24 })).toBe(false);
  });
});

describe('the QR code in a file', () => {
  for (const [length, uri] of URIS) {
    testWith('zbarimg')(`of a ${length} address is scanned from PNG`, async () => {
      expect(scan(await qrImage(uri, 'qr.png'))).toBe(uri);
    });
  }

  test('PNG is grayscale, and each module is a whole number of pixels', async () => {
    const image = PNG.sync.read(Buffer.from(await qrImage(SHORT, 'QR.PNG')));
    expect([image.width, image.width % 8]).toEqual([image.height, 0]);
    expect(new Set(image.data)).toEqual(new Set([0, 255]));
  });

  test('SVG has the same modules, dark on white', async () => {
    const svg = Buffer.from(await qrImage(SHORT, 'qr.SVG')).toString('utf8');
    expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 (\d+) \1"/);
    expect(svg).toMatch(/fill="white"[\s\S]*fill="black"/);
    expect(svg).not.toContain(SECRET);
    const dark = [...svg.matchAll(/M(\d+),(\d+)h10v10h-10z/g)].map(([, x, y]) => `${Number(x) / 10},${Number(y) / 10}`);
    expect(dark.sort()).toEqual(darkModules(await qrImage(SHORT, 'qr.png')).sort());
  });
});

function darkModules(file: Uint8Array): string[] {
  const { width, data } = PNG.sync.read(Buffer.from(file));
  const places = Array.from({ length: width / 8 }, (_, at) => at);
  const isDark = (x: number, y: number): boolean => data[((y * 8 + 4) * width + x * 8 + 4) * 4] === 0;
  return places.flatMap((y) => places.filter((x) => isDark(x, y)).map((x) => `${x},${y}`));
}
