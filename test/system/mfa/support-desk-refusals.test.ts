import { expect, test } from 'vitest';
import { because, CODES, call, type DeskSite, deskSite, leave } from './desk.js';

/** Six digits that are not those of the mail. */
const wrongDigits = (site: DeskSite): string => (site.digits() === '000000' ? '000001' : '000000');

test('key 9 flags the account in the journal with a reason, and changes nothing else', async () => {
  const site = await deskSite();
  const before = await site.user('ana.souza');
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '4'],
    ['Did the owner of the account answer', '1'],
    ['1 of 2 proofs', '9'],
    ['What made you doubt?', 'did not know the company'],
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect(await site.user('ana.souza')).toEqual(before);
  expect(await site.journal()).toMatchObject([
    {
      ...{ action: 'mfa.flagged', status: 'refused', reason: 'did not know the company', operator: 'carla' },
      details: { event: 'DESK_NOT_CONVINCED', proofs: ['call_back (attested)'] },
    },
  ]);
});

test('after a flag the next call needs one more proof, and the warning comes before the question', async () => {
  const site = await deskSite();
  const flag = [...call('1', 'ana.souza'), ['Who is calling?', '9'], ['What made you doubt?', '']] as const;
  const { exitCode, screen } = await site.sit([
    ...flag,
    ...call('1', 'ana.souza'),
    ['Who is calling? 0 of 3', '0'],
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen.indexOf('flagged by the desk once in the last 24 hours')).toBeLessThan(screen.indexOf('0 of 3 proofs'));
});

test('a denial by the real owner ends the call, voids its proofs, and is shown in the next call', async () => {
  const site = await deskSite();
  const before = await site.user('ana.souza');
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '2'],
    ['Read me one of the backup codes', CODES[0]!],
    ['1 of 2 proofs', '4'],
    ['Did the owner of the account answer', '2'],
    ...call('1', 'ana.souza'),
    ['Who is calling? 0 of 3', '1'],
    ['Read me the six digits', () => site.digits()],
    ['1 of 3 proofs', '2'],
    ['Read me one of the backup codes', CODES[1]!],
    ['2 of 3 proofs', '5'],
    ['Type one of 4, 6, 9, 0', '0'],
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  const next = screen.split('The call is over')[1]!.replace(/\s+/g, ' ');
  const first = next.search(/At \d\d:\d\d: called back at the number on file: the owner of the account had/);
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(next.indexOf('this is what the system knows'));
  expect(await site.user('ana.souza')).toMatchObject({
    ...before,
    mfa_backup_codes: CODES.slice(2),
    updated_at: expect.anything(),
  });
  expect((await site.journal()).find(({ action }) => action === 'mfa.flagged')).toMatchObject({
    ...{
      status: 'refused',
      operator: 'carla',
      reason: expect.stringContaining('the owner of the account had not called'),
    },
    details: { event: 'DESK_CALLER_DENIED', proofs: ['backup_code (checked)'] },
  });
});

test('a denial by a colleague, and an ID that does not match, end the call, too', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '5'],
    ["Colleague's email", 'joao.reis'],
    ['Does this colleague know the caller', '2'],
    ...call('1', 'ana.souza'),
    ['Who is calling? 0 of 3', '6'],
    ['picture of the ID', '2'],
    ...call('1', 'ana.souza'),
    ['Who is calling? 0 of 3', '0'],
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  const said = screen.replace(/\s+/g, ' ');
  expect(said).toMatch(
    /At \d\d:\d\d: joao.reis was asked to vouch and said that the caller is somebody else\. Be very careful\./,
  );
  expect(said).toMatch(/At \d\d:\d\d: the ID did not belong to the person\. Be very careful\./);
  expect((await site.journal()).map(({ reason }) => reason)).toEqual([
    'joao.reis was asked to vouch and said that the caller is somebody else',
    'the ID did not belong to the person',
  ]);
});

test('three failed checks, in one or several calls, close the desk for this account on the phone without changing anything', async () => {
  const site = await deskSite();
  const before = await site.user('ana.souza');
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '2'],
    ['Read me one of the backup codes', '0000-0000'],
    ['did you type what they said?', '1'],
    ['2 tries left', ''],
    ['Who is calling?', '0'],
    ...call('1', 'ana.souza'),
    ['Who is calling?', '2'],
    ['Read me one of the backup codes', '0000-0001'],
    ['did you type what they said?', '1'],
    ['1 try left', '0000-0002'],
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen.replace(/\s+/g, ' ')).toMatch(
    /call again after (\d{4}-\d\d-\d\d )?\d\d:\d\d, or come in person with an ID/,
  );
  const next = await site.sit([
    ...call('3', 'ana.souza'),

    ['picture of the ID', '2'],
    leave,
  ]);
  expect(next.exitCode, next.screen).toBe(0);
  expect(await site.user('ana.souza')).toEqual(before);
  expect((await site.journal()).at(-1)).toMatchObject({
    action: 'mfa.flagged',
    details: { event: 'DESK_PROOFS_FAILED' },
  });
});

test('a user with an ID is helped in person while the desk is closed on the phone', async () => {
  const site = await deskSite();
  const wrong = ['0000-0000', '0000-0001', '0000-0002'];
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '2'],
    ['Read me one of the backup codes', wrong[0]!],
    ['did you type what they said?', '1'],
    ['2 tries left', wrong[1]!],
    ['did you type what they said?', '1'],
    ['1 try left', wrong[2]!],
    ...call('1', 'ana.souza'),
    ['picture of the ID', '1'],
    ['1 of 3 proofs', '1'],
    ['Read me the six digits', () => site.digits()],
    ['2 of 3 proofs', '4'],
    ['Did the owner of the account answer', '1'],
    ...because('reset ana.souza'),
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect((await site.user('ana.souza'))['mfa_enabled']).toBe(false);
});

test("the operator's typing errors do not count against the caller: once for a code, always for a name", async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '2'],
    ['Read me one of the backup codes', '0000-0000'],
    ['did you type what they said?', '2'],
    ['This does not count', '0000-0001'],
    ['2 tries left', CODES[0]!],
    ['1 of 2 proofs', '5'],
    ["Colleague's email", 'joao.rais'],
    ['No account has that name', 'joao.reis'],
    ['Does this colleague know the caller', '1'],
    ...because('reset ana.souza'),
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect((await site.journal()).map(({ action }) => action).slice(0, 4)).toEqual(
    expect.arrayContaining(['mfa.proof', 'mfa.mistyped']),
  );
  expect((await site.user('ana.souza'))['mfa_enabled']).toBe(false);
});

test.each([
  ['an administrator', 'chief', 'chief is an administrator'],
  ["the operator's own account", 'carla', 'carla is your own account'],
])('%s is refused before identity is verified, with the command for an SRE', async (_who, name, why) => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([...call('1', name), ['The support desk cannot do this', '0']]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toContain(why);
  expect(screen).toContain(`potctl mfa reset ${name} -p desk --break-glass --ticket TICKET --reason "…"`);
  expect(screen).not.toContain('Who is calling?');
  expect((await site.user(name))['mfa_enabled']).toBe(true);
});

test('if potctl can check no proof, users are helped only in person with an ID', async () => {
  const site = await deskSite({ smtp: false });
  const locked = `update users set locked_until = now() at time zone 'UTC' + interval '1 hour' where username = 'joao.reis'`;
  await site.database.query(locked);
  const { exitCode, screen } = await site.sit([
    ...call('3', 'joao.reis'),
    ['potctl cannot check any proof', ''],
    ['Type one of 4, 5, 6, 9, 0', '4'],
    ['Did the owner of the account answer', '1'],
    ['1 of 2 proofs', '5'],
    ['Type one of 6, 9, 0', '0'],
    ...call('3', 'joao.reis'),
    ['Who is calling?', '6'],
    ['picture of the ID', '1'],
    ['1 of 2 proofs', '4'],
    ['Did the owner of the account answer', '1'],
    ...because('unlock joao.reis'),
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toContain('no mail server is configured');
  expect(screen).toContain('there are no backup codes left');
  expect(screen).toContain('potctl mfa unlock joao.reis -p desk --ticket TICKET --reason "…"');
  expect((await site.user('joao.reis'))['locked_until']).toBeNull();
});

test('attested proofs alone are never enough on the phone; then only checked proofs or an ID are offered', async () => {
  const site = await deskSite();
  const { screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '4'],
    ['Did the owner of the account answer', '1'],
    ['1 of 2 proofs', '5'],
    ['Type one of 1, 2, 3, 6, 9, 0', '0'],
    leave,
  ]);
  expect(screen.split('1 of 2 proofs')[1]!.split('leave this call')[0]).not.toContain('a colleague vouches');
  expect(screen).toContain('Call ended, nothing else was changed.');
  expect(screen).toContain('The desk is closed. Changes made: none.');
});

test('a user without phone and mailbox is helped in person with an ID, a call back and a colleague', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '6'],
    ['picture of the ID', '1'],
    ['1 of 2 proofs', '4'],
    ['Did the owner of the account answer', '1'],
    ['2 of 3 proofs', '5'],
    ["Colleague's email", 'joao.reis'],
    ['Does this colleague know the caller', '1'],
    ...because('reset ana.souza'),
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect((await site.user('ana.souza'))['mfa_enabled']).toBe(false);
});

test('mailed digits stay valid as long as tries are left', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '1'],
    ['Read me the six digits', '00000x'],
    ['That is not six digits', () => wrongDigits(site)],
    ['did you type what they said?', '2'],
    ['This does not count', () => wrongDigits(site)],
    ['2 tries left', () => wrongDigits(site)],
    ['1 try left', () => site.digits()],
    ['1 of 2 proofs', '9'],
    ['What made you doubt?', '0'],
    ['The account was not flagged', ''],
    ['Type one of', '0'],
  ]);
  expect(exitCode, screen).toBe(0);
  expect((await site.journal()).map(({ action }) => action)).not.toContain('mfa.flagged');
});

test('Ctrl-C at a question is exit 31, and nothing was changed', async () => {
  const site = await deskSite();
  const before = await site.user('ana.souza');
  const { exitCode, screen } = await site.sit([...call('1', 'ana.souza'), ['Who is calling?', '\u0003']]);
  expect(exitCode, screen).toBe(31);
  expect(screen).toMatch(/Changed: +nothing\./);
  expect(await site.user('ana.souza')).toEqual(before);
  expect(await site.journal()).toEqual([]);
});

test('Ctrl-C after a finished call does not say that nothing was changed', async () => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '2'],
    ['Read me one of the backup codes', CODES[0]!],
    ['1 of 2 proofs', '4'],
    ['Did the owner of the account answer', '1'],
    ...because('reset ana.souza'),
    ['What does the caller need?', '\u0003'],
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toContain('reset of ana.souza, journal 3');
  expect(screen).not.toContain('Changed:');
});
