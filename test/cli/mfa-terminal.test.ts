import { existsSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { pixelsOf } from '../support/ansi-pixels.js';
import { freshDatabase, type TestDatabase } from '../support/database.js';
import { codeAt } from '../support/mfa.js';
import { outputOf, testWith } from '../support/programs.js';
import { potctl } from '../support/run-cli.js';
import { temporaryFolder } from '../support/tree.js';
import { hasTmux, openTmux, type Tmux } from './tmux.js';

const ANA = '11111111-1111-1111-1111-111111111111';
const why = '--reason "new phone, in person"';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase({ schema: '3dpot', dropAfterTest: false });
  await database.query(
    `insert into users (id, email, username, hashed_password, is_active, updated_at)
     values ('${ANA}', 'ana@example.com', 'ana', 'x', true, now())`,
  );
  await potctl(['setup', '--yes', '-q'], { env: { PGDATABASE: database.name } });
  return () => database.drop();
});

async function stored(): Promise<{ secret: string; codes: string[] }> {
  const [row] = await database.query<{ secret: string; codes: string[] }>(
    'select mfa_secret as secret, mfa_backup_codes as codes from users',
  );
  return row!;
}

async function enrollAna(tmux: Tmux, more = ''): Promise<void> {
  await database.query("update users set mfa_enabled = false, mfa_secret = null, mfa_backup_codes = '[]'");
  tmux.type(`potctl mfa enroll ana ${why}${more}`);
  tmux.key('Enter');
  await tmux.shows("Type 'ana' to continue");
  await sleep(500);
  tmux.type('ana');
  tmux.key('Enter');
}

/** Closes the screen as a person does who has copied everything. */
function closeScreen(tmux: Tmux): void {
  tmux.type('saved');
  tmux.key('Enter');
}

/** Waits for the next `Type …` question, and answers it. */
async function answer(tmux: Tmux, question: string | RegExp, text: string): Promise<void> {
  await tmux.shows(question);
  await sleep(500);
  if (text !== '') tmux.type(text);
  tmux.key('Enter');
}

const withTmux = test.skipIf(!hasTmux);

// Skipped where tmux is missing: nothing else shows what a terminal keeps.
withTmux('a secret and backup codes are shown once, and nothing of them stays in the scrollback', async () => {
  const tmux = await openTmux({ PGDATABASE: database.name });
  await enrollAna(tmux);
  const square = await tmux.shows('Or type this key');
  const { secret } = await stored();
  expect(square.replaceAll(' ', '')).toContain(secret);
  expect(square).toMatch(/[▀▄█]{10}/);
  closeScreen(tmux);
  await tmux.shows('New secret');

  tmux.type(`potctl mfa confirm ana ${why}`);
  tmux.key('Enter');
  await tmux.shows('Code shown in the app now');
  await sleep(500);
  const code = codeAt(secret);
  tmux.type(code);
  tmux.key('Enter');
  const sheet = await tmux.shows('Backup codes: each one works once');
  const { codes } = await stored();
  for (const one of codes) expect(sheet).toContain(one);
  closeScreen(tmux);
  await tmux.shows('Enabled');

  const everything = tmux.screen(true);
  expect(everything).toContain('New secret');
  for (const residue of [secret, secret.match(/.{4}/g)!.join(' '), code, ...codes, 'otpauth', '█']) {
    expect(everything).not.toContain(residue);
  }
});

withTmux('only typing saved closes the screen, never keys typed ahead, and more restarts the time', async () => {
  const tmux = await openTmux({ PGDATABASE: database.name });
  await enrollAna(tmux);
  for (const key of ['Enter', 'q', 'Enter', 'Space', 'Enter']) tmux.key(key);
  await tmux.shows('Or type this key');
  for (const key of ['Enter', 'q', 'Enter', 'Up', 'Escape']) tmux.key(key);
  await sleep(2_500);
  expect(await tmux.shows(/Wiped in 9:\d\d/)).toContain('Or type this key');
  for (const key of ['BSpace', 'BSpace', 'BSpace', 'BSpace']) tmux.key(key);
  tmux.type('more');
  tmux.key('Enter');
  await tmux.shows(/Wiped in (10:00|9:59)/);
  tmux.type('savex');
  tmux.key('BSpace');
  tmux.type('d');
  tmux.key('Enter');
  await tmux.shows('New secret');
});

testWith('zbarimg')(
  'the QR code is scanned from a window of 80 × 24, and drawn again when its size changes',
  async () => {
    const tmux = await openTmux({ PGDATABASE: database.name }, { columns: 80, rows: 24 });
    await enrollAna(tmux);
    await tmux.shows('Copied? Type saved');
    const { secret } = await stored();
    const square = squareOn(tmux.tmux('capture-pane', '-p', '-e'));
    for (const theme of [
      { text: [204, 204, 204], background: [0, 0, 0] },
      { text: [0, 0, 0], background: [255, 255, 255] },
    ] as const) {
      const image = path.join(await temporaryFolder(), 'screen.png');
      writeFileSync(image, pixelsOf(square, theme));
      expect(scan(image)).toContain(`secret=${secret}&`);
    }
    tmux.tmux('resize-window', '-x', '60', '-y', '20');
    expect(await tmux.shows('Type this key in the app')).not.toMatch(/[▀▄█]{10}/);
    tmux.tmux('resize-window', '-x', '100', '-y', '40');
    expect(await tmux.shows('Or type this key')).toMatch(/[▀▄█]{10}/);
    closeScreen(tmux);
    await tmux.shows('New secret');
    expect(tmux.screen(true)).not.toMatch(/[▀▄█]{10}/);
  },
);

/** The lines of the QR code with their colors. tmux names a color only where it changes. */
function squareOn(screen: string): string[] {
  const colors = '\u001b[38;5;231m\u001b[48;5;16m';
  let isOpen = false;
  return screen.split('\n').map((line) => {
    if (!isOpen && !line.startsWith(colors)) return '';
    isOpen = !line.includes('\u001b[39m');
    const [part = ''] = line.split('\u001b[39m', 1);
    return `${part.startsWith(colors) ? '' : colors}${part}\u001b[0m`;
  });
}

const scan = (file: string): string =>
  outputOf('zbarimg', ['--quiet', '--raw', '-Sdisable', '-Sqrcode.enable', file]).trimEnd();

testWith('zbarimg')(
  'in a window too small for the QR code, a file is offered before the secret is created',
  async () => {
    const tmux = await openTmux({ PGDATABASE: database.name }, { columns: 60, rows: 20 });
    await enrollAna(tmux);
    const asked = await tmux.shows('or name a new file for the QR code');
    expect(asked).toMatch(/needs a window of \d+ × \d+; this one has 60 × 20/);
    expect((await stored()).secret).toBeNull();
    const image = path.join(await temporaryFolder(), 'ana.png');
    await answer(tmux, 'or name a new file', image);
    await tmux.shows('New secret');
    const { secret } = await stored();
    expect(scan(image)).toContain(`secret=${secret}&`);
    expect(statSync(image).mode & 0o777).toBe(0o600);
    expect(tmux.screen(true)).not.toContain(secret.slice(0, 8));
  },
);

withTmux('a window too small for the QR code can show the key alone, in groups of four', async () => {
  const tmux = await openTmux({ PGDATABASE: database.name }, { columns: 60, rows: 12 });
  await enrollAna(tmux);
  await answer(tmux, 'or name a new file for the QR code', 'key');
  const seen = await tmux.shows('Type this key in the app');
  const { secret } = await stored();
  expect(seen).toContain(secret.match(/.{4}/g)!.join(' '));
  tmux.key('C-c');
  await tmux.shows('E_INTERRUPTED');
  expect(tmux.screen(true).replaceAll(' ', '')).not.toContain(secret);
});

describe('a terminal without an alternate screen', () => {
  withTmux('is detected before the secret is created: Enter cancels, and nothing is changed', async () => {
    const tmux = await openTmux({ PGDATABASE: database.name });
    tmux.tmux('set-option', '-g', 'alternate-screen', 'off');
    await enrollAna(tmux);
    const asked = await tmux.shows('Type show to show them here');
    expect(asked).toContain('--secret-to FILE');
    await answer(tmux, 'Type show to show them here', '');
    expect(await tmux.shows('explain E_CANCELED')).toMatch(/Changed: +nothing\./);
    expect((await stored()).secret).toBeNull();
  });

  withTmux('shows the secret on request and erases it afterwards', async () => {
    const tmux = await openTmux({ PGDATABASE: database.name });
    tmux.tmux('set-option', '-g', 'alternate-screen', 'off');
    await enrollAna(tmux);
    await answer(tmux, 'Type show to show them here', 'show');
    await tmux.shows('Or type this key');
    const { secret } = await stored();
    closeScreen(tmux);
    await tmux.shows('New secret');
    const everything = tmux.screen(true);
    for (const residue of [secret, secret.match(/.{4}/g)!.join(' '), '█']) expect(everything).not.toContain(residue);
  });
});

test('tmux is installed wherever the tests run as root', () => {
  expect(hasTmux || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')).toBe(true);
});
