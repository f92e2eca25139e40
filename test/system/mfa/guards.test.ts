import { appendFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shellWords } from '../../../commands/cli/parse/shell.js';
import type { AnyCommand } from '../../../commands/command.js';
import { commands } from '../../../commands/registry.js';
import { refusalOf } from '../../support/bad-input.js';
import { type MfaSite, mfaSite, WHY } from '../../support/mfa.js';
import { potctlHere } from '../../support/run-main.js';

/** Reads and writes nothing of a profile. */
const OWN_PLACE = ['demo', 'config init'];
/** A conversation at a terminal: each change in it is one of `mfa`, behind the same guard. */
const TALKS = ['support'];
/** Changes no factor: it uses up what the caller gives. So only a profile guards it. */
const CHECKS = ['mfa verify'];

const changing = commands.filter(({ kind, name }) => kind === 'action' && !OWN_PLACE.includes(name));
const others = changing.filter(({ name }) => !name.startsWith('mfa ') && !TALKS.includes(name));
const factors = changing.filter(({ name }) => name.startsWith('mfa '));
const has = ({ input }: AnyCommand, flag: string): boolean => flag in input;
const dotted = ({ name }: AnyCommand): string => name.replace(' ', '.');

let site: MfaSite;
beforeAll(async () => {
  site = await mfaSite('native', { keep: true, here: true });
  for (const command of changing) {
    const [noun, verb = noun] = command.name.split(' ');
    for (const [how, word] of Object.entries({ both: dotted(command), noun, verb })) {
      const guards = `    guards: { protected: [${word}] }\n`;
      const keys = `    mfa: { keys: { k1: { file: ${path.join(site.folder, 'key')} } } }\n`;
      await appendFile(
        site.config,
        `  ${how}-${command.name.replace(' ', '-')}:\n    environment: production\n${guards}${keys}`,
      );
    }
  }
  await writeFile(path.join(site.folder, 'sentinel'), '');
});
afterAll(() => site.remove());

/** The command as its first example says it, with another profile. */
function exampleOf({ examples: [example = ''] }: AnyCommand): string[] {
  const all = shellWords(example);
  const words = all.slice(all.indexOf('potctl') + 1);
  const at = words.indexOf('-p');
  return at < 0 ? words : words.toSpliced(at, 2);
}

const run = (args: string[]) =>
  potctlHere([...args, '--config', site.config, '--json'], {
    env: { PGDATABASE: site.database.name },
    stdin: '123456\n',
  });

const traces = async (): Promise<unknown> => [
  await readdir(site.folder),
  await site.database.query('select * from potctl.journal'),
  await site.database.query('select * from potctl_app.mfa_factors'),
];

describe.each(others.map((command) => [command.name, command] as const))('potctl %s', (_, command) => {
  test.each(['both', 'noun', 'verb'])('is refused if the profile protects it by its %s', async (how) => {
    const before = await traces();
    const args = exampleOf(command).filter((word) => word !== '--dry-run');
    const profile = `${how}-${command.name.replace(' ', '-')}`;
    const refusal = refusalOf(await run([...args, '-p', profile]));
    expect(refusal).toMatchObject({ exit: 15, code: 'E_CONFIG', changed: 'nothing' });
    expect(JSON.stringify(refusal)).toContain('protected');
    expect(await traces()).toEqual(before);
  });
});

describe.each(factors.map((command) => [command.name, command] as const))('potctl %s', (_, command) => {
  const [, verb = ''] = command.name.split(' ');
  const args = (user: string): string[] => [
    ...['mfa', verb, ...(has(command, 'user') ? [user] : [])],
    ...(CHECKS.includes(command.name) ? [] : [...WHY]),
    ...(has(command, 'codeStdin') ? ['--code-stdin'] : []),
    ...(has(command, 'codesTo') ? ['--codes-to', path.join(site.folder, 'codes')] : []),
    ...(has(command, 'secretTo') ? ['--secret-to', path.join(site.folder, 'secret')] : []),
  ];
  /** Somebody in the state that the command needs, so that nothing but the guard can refuse. */
  const person = async (admin: boolean): Promise<string> => {
    const who = await site.seed({ admin });
    if (verb === 'confirm') {
      const file = path.join(site.folder, `secret-${who.name}`);
      const enroll = ['enroll', who.id, ...WHY, '--confirm', who.name, '--secret-to', file, '--break-glass'];
      expect((await site.mfa(enroll)).exitCode).toBe(0);
    } else if (verb !== 'enroll') await site.enable(who);
    return who.name;
  };
  const refused = async (words: readonly string[], why: RegExp): Promise<void> => {
    const before = await traces();
    const refusal = refusalOf(await run([...words]));
    expect(refusal).toMatchObject({ exit: 30, code: 'E_BREAK_GLASS', changed: 'nothing' });
    expect(JSON.stringify(refusal.why)).toMatch(why);
    expect(await traces()).toEqual(before);
  };

  test.each(['both', 'noun', 'verb'])('is refused if the profile protects it by its %s', async (how) => {
    const profile = `${how}-mfa-${verb}`;
    await refused([...args(await person(false)), '-p', profile], new RegExp(`protects mfa.${verb}`));
  });
  test('takes --break-glass', () => {
    expect(has(command, 'breakGlass')).toBe(true);
  });
  test.runIf(has(command, 'user') && !CHECKS.includes(command.name))('is refused for an administrator', async () => {
    await refused([...args(await person(true)), '-p', 'test'], /is an administrator/);
  });
  test.runIf(has(command, 'user') && !CHECKS.includes(command.name))("is refused for one's own account", async () => {
    const name = await person(false);
    await refused([...args(name), '-p', 'test', '--operator', `${name.toUpperCase()}@desk`], /your own account/);
  });
});

test('an overridden guard is recorded in the journal when a first code is confirmed', async () => {
  const who = await site.seed({ admin: true });
  const [secret, codes] = ['admin.secret', 'admin.codes'].map((name) => path.join(site.folder, name)) as [
    string,
    string,
  ];
  const change = [...WHY, '--break-glass'];
  await site.mfa(['enroll', who.id, ...change, '--confirm', who.name, '--secret-to', secret]);
  const { readFile } = await import('node:fs/promises');
  const { codeAt } = await import('../../support/mfa.js');
  const stdin = codeAt((await readFile(secret, 'utf8')).trim());
  const done = await site.mfa(['confirm', who.id, ...change, '--code-stdin', '--codes-to', codes], { stdin });
  expect(done.exitCode).toBe(0);
  const [entry] = await site.database.query(
    `select details->'break_glass' as why from potctl.journal where target = $1 and action = 'mfa.confirm'`,
    [who.key],
  );
  expect(entry).toEqual({ why: [`${who.name} is an administrator`] });
});
