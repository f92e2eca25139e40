import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.js';
import { codeAt } from '../support/mfa.js';
import { potctl } from '../support/run-cli.js';
import { hasTmux, openTmux, type Tmux } from '../support/tmux.js';

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

async function enrollAna(tmux: Tmux): Promise<void> {
  tmux.type(`potctl mfa enroll ana ${why}`);
  tmux.key('Enter');
  await tmux.shows('Type  ana  to continue');
  await sleep(500);
  tmux.type('ana');
  tmux.key('Enter');
}

// Skipped where tmux is missing: nothing else shows what a terminal keeps.
test.skipIf(!hasTmux)(
  'a secret and backup codes are seen once, and nothing of them stays in the scrollback',
  async () => {
    const tmux = await openTmux({ PGDATABASE: database.name });
    await enrollAna(tmux);
    const square = await tmux.shows('Or type this key');
    const { secret } = await stored();
    expect(square.replaceAll(' ', '')).toContain(secret);
    expect(square).toMatch(/[▀▄█]{10}/);
    tmux.key('q');
    await tmux.shows('New secret');

    tmux.type(`potctl mfa confirm ana ${why}`);
    tmux.key('Enter');
    await tmux.shows('Code that the app shows now');
    await sleep(500);
    const code = codeAt(secret);
    tmux.type(code);
    tmux.key('Enter');
    const sheet = await tmux.shows('Backup codes: each one works once');
    const { codes } = await stored();
    for (const one of codes) expect(sheet).toContain(one);
    tmux.key('Enter');
    await tmux.shows('Enabled');

    const everything = tmux.screen(true);
    expect(everything).toContain('New secret');
    for (const residue of [secret, secret.match(/.{4}/g)!.join(' '), code, ...codes, 'otpauth', '█']) {
      expect(everything).not.toContain(residue);
    }
  },
);

test.skipIf(!hasTmux)('a window that is too small for the square shows the key in groups of four', async () => {
  const tmux = await openTmux({ PGDATABASE: database.name }, { columns: 100, rows: 12 });
  await database.query('update users set mfa_enabled = false, mfa_secret = null');
  await enrollAna(tmux);
  const seen = await tmux.shows('Or type this key');
  const { secret } = await stored();
  expect(seen).toContain(secret.match(/.{4}/g)!.join(' '));
  expect(seen).toContain('too small for the square');
  tmux.key('C-c');
  await tmux.shows(/New secret|ready> $/m);
  expect(tmux.screen(true).replaceAll(' ', '')).not.toContain(secret);
});

test('the program that shows what a terminal keeps is there on a machine where we are root', () => {
  expect(hasTmux || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')).toBe(true);
});
