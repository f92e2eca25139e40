import { expect, test } from 'vitest';
import { because, CODES, call, deskSite, leave } from '../support/desk.js';

test('9 flags the account in the journal with the reason, and changes nothing else', async () => {
  const site = await deskSite();
  const before = await site.user('ana.souza');
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '4'],
    ['Did that very person answer', '1'],
    ['1 of 2 so far', '9'],
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

test('whoever was flagged must give one proof more in the next call, and the warning stands before the question', async () => {
  const site = await deskSite();
  const flag = [...call('1', 'ana.souza'), ['Who is calling?', '9'], ['What made you doubt?', '']] as const;
  const { exitCode, screen } = await site.sit([
    ...flag,
    ...call('1', 'ana.souza'),
    ['Who is calling? Three proofs', '0'],
    leave,
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen.indexOf('flagged at a desk once in 24 hours')).toBeLessThan(screen.indexOf('Three proofs'));
});

test('three failed checks, in one call or several, end the desk for this person, for the next start, too, and nothing was changed', async () => {
  const site = await deskSite();
  const before = await site.user('ana.souza');
  const { exitCode, screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '2'],
    ['Read me one of the backup codes', '0000-0000'],
    ['2 tries left', ''],
    ['Who is calling?', '0'],
    ...call('1', 'ana.souza'),
    ['Who is calling?', '4'],
    ['Did that very person answer', '2'],
    ['1 try left', '5'],
    ['It must be somebody who knows', 'nobody.there'],
    ['Three checks failed', '0'],
  ]);
  expect(exitCode, screen).toBe(0);
  const next = await site.sit([...call('3', 'ana.souza'), ['Three proofs failed for this person', '0']]);
  expect(next.exitCode, next.screen).toBe(0);
  expect(next.screen).toMatch(/No desk helps before\s+\d{4}-\d\d-\d\d/);
  expect(await site.user('ana.souza')).toEqual(before);
  expect((await site.journal()).at(-1)).toMatchObject({
    action: 'mfa.flagged',
    details: { event: 'DESK_PROOFS_FAILED' },
  });
});

test.each([
  ['an administrator', 'chief', 'chief is an administrator'],
  ["the operator's own account", 'carla', 'carla is your own account'],
])('%s is refused before anything is proved, with the line that an SRE types', async (_who, name, why) => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([...call('1', name), ['This cannot be done at the desk', '0']]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toContain(why);
  expect(screen).toContain(`potctl mfa reset ${name} -p desk --break-glass --ticket TICKET --reason "…"`);
  expect(screen).not.toContain('Who is calling?');
  expect((await site.user(name))['mfa_enabled']).toBe(true);
});

test('where potctl can check no proof, it says what is missing and the line that an SRE types', async () => {
  const site = await deskSite({ smtp: false });
  await site.database.query(
    `update users set locked_until = now() at time zone 'UTC' + interval '1 hour' where username = 'joao.reis'`,
  );
  const { exitCode, screen } = await site.sit([
    ...call('3', 'joao.reis'),
    ['nothing left that potctl itself could', '0'],
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toContain('no mail server is configured');
  expect(screen).toContain('no backup code is left');
  expect(screen).toContain('potctl mfa unlock joao.reis -p desk --ticket TICKET --reason "…"');
  expect((await site.user('joao.reis'))['locked_until']).not.toBeNull();
});

test('attested proofs alone are never enough: then only those are offered that potctl checks', async () => {
  const site = await deskSite();
  const { screen } = await site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '6'],
    ['picture of the ID', '1'],
    ['1 of 2 so far', '4'],
    ['Please type one of 1, 2, 3, 9, 0', '0'],
    leave,
  ]);
  expect(screen.split('1 of 2 so far')[1]!.split('leave this call')[0]).not.toContain('a colleague vouches');
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
    ['1 of 2 so far', '4'],
    ['Did that very person answer', '1'],
    ...because('RESET ANA.SOUZA'),
    ['What does the caller need?', '\u0003'],
  ]);
  expect(exitCode, screen).toBe(0);
  expect(screen).toContain('reset of ana.souza, journal 3');
  expect(screen).not.toContain('Changed:');
});
