import { expect, test } from 'vitest';
import { type Answer, because, CODES, call, type DeskSite, deskSite, leave } from './desk.js';

/** Everything is proved, then another desk sits before the ticket is named. */
const provedWhile = (other: () => Promise<unknown>): Answer[] => [
  ...call('1', 'ana.souza'),
  ['Who is calling?', '2'],
  ['Read me one of the backup codes', CODES[0]!],
  ['1 of 2 proofs', '4'],
  ['Did the owner of the account answer', '1'],
  [
    'Ticket number',
    async () => {
      await other();
      return 'SUP-4812';
    },
  ],
  ...because('reset ana.souza').slice(1),
];

const denies = (site: DeskSite): Promise<unknown> =>
  site.sit([...call('1', 'ana.souza'), ['Who is calling?', '4'], ['Did the owner of the account answer', '2'], leave]);

const fails = (site: DeskSite): Promise<unknown> =>
  site.sit([
    ...call('1', 'ana.souza'),
    ['Who is calling?', '2'],
    ['Read me one of the backup codes', '0000-0000'],
    ['did you type what they said?', '1'],
    ['2 tries left', '0000-0001'],
    ['did you type what they said?', '1'],
    ['1 try left', '0000-0002'],
    leave,
  ]);

test.each([
  ['the owner denied having called', denies, 'the owner of the account had not called'],
  ['three checks failed', fails, 'three identity checks failed'],
])('nothing is changed if another desk records in the meantime that %s', async (_what, other, words) => {
  const site = await deskSite();
  const { exitCode, screen } = await site.sit([...provedWhile(() => other(site)), leave]);
  expect(exitCode, screen).toBe(0);
  const said = screen.replace(/\s+/g, ' ');
  expect(said).toContain('nothing was changed. Start the call again');
  expect(said).toMatch(
    new RegExp(`a support agent has just flagged the caller for 'ana.souza' as suspicious: .*${words}`),
  );
  expect(await site.user('ana.souza')).toMatchObject({ mfa_enabled: true, mfa_backup_codes: CODES.slice(1) });
  expect((await site.journal()).map(({ action }) => action)).not.toContain('mfa.reset');
});

test('a denial at the desk also appears in mfa status and in the plan of every change', async () => {
  const site = await deskSite();
  await denies(site);
  const why = expect.stringMatching(/\d{4}-\d\d-\d\dT.*: called back .*the owner of the account had not called/);
  const flagged = 'flagged by support once in the last 24 hours';
  const status = await site.run(['mfa', 'status', 'ana.souza', '--json']);
  expect(JSON.parse(status.stdout).item.red_flags).toEqual([
    { code: 'caller_denied', text: why },
    { code: 'flagged', text: flagged },
  ]);
  const reset = [
    'mfa',
    'reset',
    'ana.souza',
    '--reason',
    'lost phone, called back',
    '--ticket',
    'SUP-1',
    '--operator',
    'maria',
  ];
  const plan = await site.run([...reset, '--dry-run', '--json']);
  expect(JSON.parse(plan.stdout).result.warnings).toEqual(expect.arrayContaining([why, flagged]));
});
