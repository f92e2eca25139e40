import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PNG } from 'pngjs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { qrImage, qrLines, secretScreen } from '../../commands/ui/qr.js';
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

describe('the square on the screen', () => {
  for (const [length, uri] of URIS) {
    testWith('zbarimg')(`of a ${length} address is scanned on dark, light and solarized terminals`, () => {
      const lines = qrLines(uri, WIDE)!;
      const images = Object.values(THEMES).map((theme) => pixelsOf(lines, theme));
      for (const image of images) expect(scan(image)).toBe(uri);
    });
  }

  test.each(URIS)('of a %s address leaves no colour to the theme, and has four light modules around', (_, uri) => {
    const lines = qrLines(uri, WIDE)!;
    for (const line of lines) expect(line).toMatch(/^\u001b\[38;5;16;48;5;231m[ ▀▄█]+\u001b\[0m$/);
    const cells = lines.map((line) => line.replace(/\u001b\[[0-9;]*m/g, ''));
    expect(new Set(cells.map((line) => line.length)).size).toBe(1);
    expect(cells.slice(0, 2).join('')).toMatch(/^ +$/);
    for (const line of cells) expect(line).toMatch(/^ {4}.* {4}$/);
    expect(cells.length).toBe(Math.ceil(cells[0]!.length / 2));
  });

  test.each(URIS)('of a %s address is not drawn where it would wrap or scroll by one', (_, uri) => {
    const lines = qrLines(uri, WIDE)!;
    const columns = lines[0]!.replace(/\u001b\[[0-9;]*m/g, '').length;
    expect(qrLines(uri, { columns, rows: lines.length })).toEqual(lines);
    expect(qrLines(uri, { columns: columns - 1, rows: lines.length })).toBeNull();
    expect(qrLines(uri, { columns, rows: lines.length - 1 })).toBeNull();
  });

  test('fits into the usual window of 80 columns and 24 rows when the address is short', () => {
    expect(secretScreen([SECRET, SHORT], { columns: 80, rows: 30 }).length).toBeLessThanOrEqual(30);
    expect(qrLines(SHORT, { columns: 80, rows: 24 })).not.toBeNull();
  });
});

describe('the screen of a new secret', () => {
  const KEY = 'GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ';

  test('shows the square and the key in groups of four, and never more rows than there are', () => {
    for (let rows = 1; rows < 60; rows += 1) {
      const lines = secretScreen([SECRET, MIDDLE], { columns: 100, rows });
      expect(lines.join('\n')).toContain(KEY);
      if (lines.some((line) => line.includes('▀'))) expect(lines.length).toBeLessThan(rows);
    }
    expect(secretScreen([SECRET, MIDDLE], WIDE).join('\n')).toContain('▀');
  });

  test('says that the window is too small, and has the key to type; the address does not stand there', () => {
    const lines = secretScreen([SECRET, MIDDLE], { columns: 40, rows: 24 });
    expect(lines[0]).toBe('This window is too small for the square.');
    expect(lines.join('\n')).toContain(KEY);
    expect(lines.join('\n')).not.toMatch(/otpauth|▀/);
  });
});

describe('the square in a file', () => {
  for (const [length, uri] of URIS) {
    testWith('zbarimg')(`of a ${length} address is scanned from PNG`, async () => {
      expect(scan(await qrImage(uri, 'qr.png'))).toBe(uri);
    });
  }

  test('PNG is grey, and each module is a whole number of pixels', async () => {
    const image = PNG.sync.read(Buffer.from(await qrImage(SHORT, 'QR.PNG')));
    expect([image.width, image.width % 8]).toEqual([image.height, 0]);
    expect(new Set(image.data)).toEqual(new Set([0, 255]));
  });

  test('SVG holds the same modules, dark on white', async () => {
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
