import { expect, test } from 'vitest';
import { potctl } from '../../support/run-cli.js';
import { because, CODES, call, deskSite, leave, SECRET } from './desk.js';
import { MAIL_PASSWORD } from './mail-server.js';

test('a caller with a new phone is helped after a mailed code and a call back, as database, journal and mail show', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ANA.private@example.com'),
    ['Who is calling? 0 of 2', '1'],
    ['Read me the six digits', () => site.digits()],
    ['1 of 2 proofs', '4'],
    ['Did the owner of the account answer', '1'],
    ...because('reset ana.souza'),
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toContain('you will see a QR code');
  expect(await site.user('ana.souza')).toMatchObject({ mfa_enabled: false, mfa_secret: null, mfa_backup_codes: [] });
  expect(await site.journal()).toMatchObject([
    {
      ...{
        action: 'mfa.reset',
        status: 'done',
        ticket: 'SUP-4812',
        reason: 'lost phone, called back',
        operator: 'carla',
      },
      details: { proofs: ['email_code (checked)', 'call_back (attested)'], red_flags: [], from: 'enabled', to: 'off' },
    },
    { action: 'mfa.notify', status: 'done', details: { by: 'email' } },
  ]);
  expect(site.mail.received).toHaveLength(2);
  const told = site.mail.received[1]!;
  expect(told).toMatchObject({ to: ['ana.private@example.com'], from: 'support@example.com' });
  expect(told.content).toMatch(
    /Support reset two-step[\s\S]*SUP-4812[\s\S]*If you did not ask for this[\s\S]*reply to this mail/,
  );
  expect(told.content).toContain('Reply-To: security@example.com');
});

test('the operator sees a masked account, and never the mailed digits, address, secret, codes or mail server password', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit(
    [
      ...call('1', 'ana.souza'),
      ['Who is calling?', '1'],
      ['Read me the six digits', ''],
      ['Who is calling?', '0'],
      leave,
    ],
    ['-p', 'desk', '--debug', '-v'],
  );
  expect(exitCode, screen).toBe(0);
  expect(screen).toContain('Ana S••••   a•••@e••••••.com   user, active, since 2024-02');
  const written = screen + JSON.stringify(await site.journal());
  const id = String((await site.user('ana.souza'))['id']);
  for (const hidden of [site.digits(), 'ana.private', 'Souza', id, SECRET, ...CODES, MAIL_PASSWORD]) {
    expect(written).not.toContain(hidden);
  }
});

test('wrong or missing digits, an invalid ticket, a meaningless reason and a wrong phrase are asked for again', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ['What does the caller need?', '7'],
    ['Type one of 1, 2, 3, 4, 5, 0', '1'],
    ['email address or user name', 'nobody'],
    ['No account has that', 'ana.souza'],
    ['Is that the right account?', '1'],
    ['Who is calling?', '1'],
    ['Read me the six digits', '12 34'],
    ['That is not six digits. This was not counted', () => (site.digits() === '000000' ? '111111' : '000000')],
    ['did you type what they said?', '1'],
    ['2 tries left', () => site.digits().replace(/^.../, '$& ')],
    ['1 of 2 proofs', '6'],
    ['picture of the ID', '1'],
    ['Ticket number', '4812'],
    ["'4812' does not look like SUP-1234", 'SUP-4812'],
    ['Reason, one sentence', 'lost'],
    ['Too short', 'came in person, phone lost'],
    ["Type 'reset ana.souza'", 'reset ana'],
    ["That is not 'reset ana.souza'. 2 tries left", 'RESET  Ana.Souza'],
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect((await site.user('ana.souza'))['mfa_enabled']).toBe(false);
});

test('an unused backup code is a proof and is used up; a code from the app is a separate choice', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '2'],
    ['Read me one of the backup codes', '123456'],
    ['That is a code from the app, not a backup code', CODES[1]!],
    ['1 of 2 proofs', '0'],
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen.split('1 of 2 proofs')[1]).not.toContain('an unused backup code');
  expect((await site.user('ana.souza'))['mfa_backup_codes']).toEqual(CODES.filter((code) => code !== CODES[1]));
  expect((await site.user('ana.souza'))['mfa_enabled']).toBe(true);
});

test('no transaction is open while a question waits for its answer', async () => {
  const site = await deskSite();
  let open: unknown;
  const { exitCode } = await site.sit([
    ...call('1', 'ana.souza'),
    [
      'Who is calling?',
      async () => {
        open = await site.database.query(
          `select state from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()`,
        );
        return '0';
      },
    ],
    leave,
  ]);
  expect(exitCode).toBe(0);
  expect(open).toEqual([]);
});

test('if the mail after a change cannot be sent, the exit code is 3, a task is shown, and the journal has a failed entry', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '2'],
    ['Read me one of the backup codes', CODES[0]!],
    ['1 of 2 proofs', '4'],
    [
      'Did the owner of the account answer',
      () => {
        site.mail.refuse();
        return '1';
      },
    ],
    ...because('reset ana.souza'),
    leave,
  ]);
  expect(exitCode, screen).toBe(3);
  expect(screen).toMatch(
    /TO DO {2}Tell Ana S•••• \(a•••@e••••••\.com\)[\s\S]*The desk is closed[\s\S]*TO DO {2}Tell Ana/,
  );
  expect(screen).not.toContain('ana.private');
  expect((await site.user('ana.souza'))['mfa_enabled']).toBe(false);
  const lines = (await site.journal()).map(({ action, status }) => `${action} ${status}`);
  expect(lines).toEqual(['mfa.verify done', 'mfa.reset done', 'mfa.notify failed']);
});

test('without a terminal it exits 30 and names the commands to use instead', async () => {
  const { exitCode, stdout, stderr } = await potctl(['support'], { stdin: '1\n' });
  expect({ exitCode, stdout }).toEqual({ exitCode: 30, stdout: '' });
  expect(stderr).toMatch(/E_CONFIRM_REQUIRED[\s\S]*Changed: +nothing[\s\S]*potctl mfa reset USER/);
});

test('production must be named on the command line before the first question', async () => {
  const site = await deskSite({ environment: 'production' });
  const { exitCode, screen } = await site.sit([], []);
  expect(exitCode).toBe(30);
  expect(screen).toContain('E_PROFILE_REQUIRED');
  expect(screen).not.toContain('What does the caller need?');
});
