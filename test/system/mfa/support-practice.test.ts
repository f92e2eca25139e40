import { readdirSync } from 'node:fs';
import os from 'node:os';
import { expect, test } from 'vitest';
import { type Answer, call, leave, sit } from './desk.js';

/** A practice asks nobody's server. */
const ENV = { PGHOST: '/nonexistent' };

/** What the person on the phone has just read out. */
const heard =
  (words: RegExp) =>
  (screen: string): string =>
    screen
      .match(new RegExp(words, 'g'))
      ?.at(-1)
      ?.match(/[\dA-Z-]+[\dA-Z -]*$/)?.[0] ?? 'nothing was read out';

const convinced: readonly Answer[] = [
  ['Who is calling?', '1'],
  ['Digits', heard(/The digits are \d{3} \d{3}/)],
  ['Who is calling?', '4'],
  ['Did the owner of the account answer', '1'],
];
const because = (phrase: string): readonly Answer[] => [
  ['Ticket number', 'SUP-1001'],
  ['Reason, one sentence', 'lost phone, called back'],
  [`Type '${phrase}'`, phrase],
];
const clock: readonly Answer[] = [...call('2', 'carla.lima'), ['Digits (not shown)', heard(/It shows \d{6}/)]];

const practiceFolders = (): string[] => readdirSync(os.tmpdir()).filter((name) => name.startsWith('potctl-practice-'));

test('a good desk helps the owner, flags the impostor, changes nothing else, and leaves nothing behind', async () => {
  const before = practiceFolders();
  const { exitCode, screen } = await sit(['support', '--practice'], ENV, [
    ...call('1', 'ana.souza@example.com'),
    ...convinced,
    ...because('reset ana.souza'),
    ...call('1', 'bruno.prado'),
    ['Who is calling?', '1'],
    ['Digits', ''],
    ['Who is calling?', '9'],
    ['What made you doubt?', 'did not want to be called back'],
    ...clock,
    leave,
  ]);
  expect(screen).toContain('right  Ana Souza: helped, after the identity was verified');
  expect(screen).toContain('right  Bruno Prado: refused and flagged: this was a stranger');
  expect(screen).toContain('right  Carla Lima: not changed: only the clock of the phone was wrong');
  expect(exitCode).toBe(0);
  expect(practiceFolders()).toEqual(before);
}, 90_000);

test('helping the impostor and flagging the owner are reported as wrong, with exit 3', async () => {
  const { exitCode, screen } = await sit(['support', '--practice'], ENV, [
    ...call('1', 'ana.souza'),
    ['Who is calling?', '9'],
    ['What made you doubt?', 'sounded too cheerful'],
    ...call('1', 'bruno.prado'),
    // A sheet of codes can be stolen. It is checked, and right; the call back says who it is.
    ['Who is calling?', '2'],
    ['Backup code (not shown)', heard(/The first one is [0-9A-Z-]{19}/)],
    ['Who is calling?', '4'],
    ['Did the owner of the account answer', '1'],
    ...because('reset bruno.prado'),
    leave,
  ]);
  expect(screen).toContain('WRONG  Ana Souza: flagged, but this was the real owner');
  expect(screen).toContain('WRONG  Bruno Prado: A STRANGER NOW HAS THE ACCOUNT');
  expect(exitCode).toBe(3);
}, 90_000);
