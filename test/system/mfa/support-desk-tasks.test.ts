import { generateSync } from 'otplib';
import { expect, test } from 'vitest';
import { because, CODES, call, type DeskSite, deskSite, leave, SECRET } from './desk.js';

/** What an authenticator app shows whose clock is off by so many seconds. */
const shown = (offsetS = 0): string =>
  generateSync({ secret: SECRET, epoch: Math.floor(Date.now() / 1_000) + offsetS });

const inPerson = (site: DeskSite) =>
  [
    ['Who is calling?', '1'],
    ['Read me the six digits', () => site.digits()],
    ['1 of 2 proofs', '6'],
    ['picture of the ID', '1'],
  ] as const;

test('a refused code is explained: the clock of the phone is slow', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ...call('2', 'ana.souza'),
    ['read them to me', () => shown(-150)],
    ['the clock of the phone is slow', '0'],
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toMatch(/turn\s+on\s+automatic\s+time/);
});

test('a code that matches nothing leads to a reset, which requires proofs other than that code', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ...call('2', 'ana.souza'),
    ['read them to me', () => (shown() === '000000' ? '111111' : '000000')],
    ['What next?', '1'],
    ['0 of 2 proofs', '0'],
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toContain('The digits do not match');
});

test('a locked user is unlocked after a code from the app and a colleague, who is notified', async () => {
  const site = await deskSite();
  await site.database.query(
    `update users set login_attempts = 5, locked_until = now() at time zone 'UTC' + interval '1 hour' where username = 'ana.souza'`,
  );
  const { exitCode, screen } = await site.sit([
    ...call('3', 'ana.souza'),
    ['Who is calling?', '3'],
    ['Open the app on the old phone', () => shown()],
    ['1 of 2 proofs', '5'],
    ["Colleague's email", 'ana.souza'],
    ['Nobody can vouch for their own account', 'carla'],
    ['That is you', 'joao.reis'],
    ['Does this colleague know the caller', '1'],
    ...because('unlock ana.souza'),
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect(await site.user('ana.souza')).toMatchObject({ locked_until: null, login_attempts: 0, mfa_enabled: true });
  const unlocked = (await site.journal()).find(({ action }) => action === 'mfa.unlock');
  expect(unlocked?.details['proofs']).toEqual(['app_code (checked)', 'colleague joao.reis (attested)']);
  expect(site.mail.received.map(({ to }) => to[0])).toEqual(['ana.private@example.com', 'joao@example.com']);
});

test('new backup codes are shown only to a user who is present, on a screen that is wiped; on the phone a reset is offered', async () => {
  const site = await deskSite();
  let seen = '';
  const { exitCode, screen } = await site.sit([
    ...call('4', 'ana.souza'),
    ['Is the person here with you', '1'],
    ...inPerson(site),
    ...because('codes ana.souza'),
    [
      'Copied? Type saved',
      async () => {
        seen = JSON.stringify((await site.user('ana.souza'))['mfa_backup_codes']);
        return 'saved';
      },
    ],
    ...call('4', 'ana.souza').slice(0, 3),
    ['Is the person here with you', '2'],
    ['Who is calling?', '0'],
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  const stored = (await site.user('ana.souza'))['mfa_backup_codes'] as string[];
  expect(seen).toBe(JSON.stringify(stored));
  expect(stored).toHaveLength(10);
  expect(stored.some((code) => CODES.includes(code))).toBe(false);
  for (const code of stored) expect(screen.split(code)).toHaveLength(2);
  expect(screen).toContain('Never read ten codes over');
});

test('turning off asks whether a reset is meant, requires the name to be typed, and notifies the user', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ...call('5', 'ana.souza'),
    ['Which one?', '2'],
    ...inPerson(site),
    ...because('off ana.souza'),
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect((await site.user('ana.souza'))['mfa_enabled']).toBe(false);
  expect(site.mail.received.at(-1)?.content).toContain('Support turned off two-step sign-in');
});

test('a caller who is still signed in somewhere is sent there first, and nothing is changed', async () => {
  const site = await deskSite();
  await site.database.query(
    `insert into refresh_tokens (id, user_id, token, hashed_token, is_active, is_revoked, expires_at)
     select gen_random_uuid(), id, 't', 'h', true, false, now() at time zone 'UTC' + interval '1 day' from users where username = 'ana.souza'`,
  );
  const { exitCode, screen } = await site.sit([...call('1', 'ana.souza'), ['Does that help?', '1'], leave]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toContain('Are you still signed in on a computer?');
  expect(screen).not.toContain('Who is calling?');
});

test('two matching accounts are listed with masks and numbers, and none is chosen automatically', async () => {
  const site = await deskSite();
  await site.database.query(`update users set username = 'ana.private@example.com' where username = 'joao.reis'`);
  const { exitCode, screen } = await site.sit([
    ['What does the caller need?', '1'],
    ['email address or user name', 'ana.private@example.com'],
    ['2 accounts match', '0'],
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toMatch(/[12] {2}Ana S•••• {3}a•••@e••••••\.com {3}user/);
  expect(screen).toMatch(/[12] {2}João R•••• {3}j•••@e••••••\.com {3}user/);
});
