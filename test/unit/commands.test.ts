import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { completionScript } from '../../commands/cli/parse/completion-script.js';
import { flagsOf, nounsOf } from '../../commands/cli/parse/grammar.js';
import { commandHelp, nounHelp, rootHelp } from '../../commands/cli/parse/help.js';
import { understand } from '../../commands/cli/parse/invocation.js';
import { type InputSpec, nameOf } from '../../commands/cli/parse/options.js';
import { parseCommandLine } from '../../commands/cli/parse/program.js';
import { shellWords } from '../../commands/cli/parse/shell.js';
import { helpFor } from '../../commands/cli/parse/topics.js';
import type { Context } from '../../commands/context.js';
import { commands } from '../../commands/registry.js';
import { support } from '../../commands/top/support.js';
import { runMain } from '../support/run-main.js';

const folder = (name: string): string => fileURLToPath(new URL(`../../commands/${name}`, import.meta.url));
const pathOf = (name: string): string => (name.includes(' ') ? name.replace(' ', '/') : `top/${name}`);

/** Parses a line as a shell and potctl would, without leading variables and anything after a pipe or redirection. */
function understood(line: string): void {
  const words = shellWords(line);
  const start = words.indexOf('potctl');
  const end = words.findIndex((word) => ['|', '>', '2>', '&&'].includes(word));
  const parsed = parseCommandLine(words.slice(start + 1, end < 0 ? undefined : end), commands);
  if (parsed.kind === 'run') understand(parsed.command, parsed.raw, {});
}

describe.each(commands.map((command) => [command.name, command] as const))('potctl %s', (name, command) => {
  test('is in the file named after it', () => {
    expect(existsSync(`${folder(pathOf(name))}.ts`)).toBe(true);
  });
  test('has a lower-case summary without a period', () => {
    expect(command.summary).toMatch(/^([a-z]|[A-Z]{2}).*[^.]$/);
  });
  test('has examples that its parser accepts', () => {
    expect(command.examples.length).toBeGreaterThan(0);
    for (const example of command.examples) {
      expect(example).toContain(`potctl ${name}`);
      expect(() => understood(example)).not.toThrow();
    }
  });
  test('has help that begins with examples and fits 80 columns', () => {
    const help = commandHelp(command);
    expect(help.split('\n\n')[1]).toMatch(/^Examples\n/);
    expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });
  test('has columns if it is a list, and always shows the first one', () => {
    if (command.kind !== 'list') return;
    expect(command.columns[0]).toMatchObject({ name: expect.stringMatching(/^[a-z_]+$/) });
    expect(command.columns[0]?.priority ?? 1).toBe(1);
    expect(new Set(command.columns.map((column) => column.name)).size).toBe(command.columns.length);
  });
});

test('every file in the folder of a noun is a command of the registry; shared code is in shared/', () => {
  const nouns = readdirSync(folder(''), { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !['cli', 'ui'].includes(entry.name),
  );
  const files = nouns.flatMap(({ name }) =>
    readdirSync(folder(name))
      .filter((file) => file !== 'shared')
      .map((file) => `${name}/${file.replace('.ts', '')}`),
  );
  expect(files.sort()).toEqual(commands.map(({ name }) => pathOf(name)).sort());
});

test('a flag means the same everywhere: the same kind of value, and the same short letter', () => {
  const seen = new Map<string, string>();
  for (const command of commands) {
    for (const { declaration, takes } of [...flagsOf(command).own, ...flagsOf(command).shared]) {
      const meaning = `${takes} ${/^(-\w),/.exec(declaration)?.[1] ?? ''}`;
      const known = seen.get(nameOf(declaration)) ?? meaning;
      expect(`${command.name} --${nameOf(declaration)}: ${meaning}`).toBe(
        `${command.name} --${nameOf(declaration)}: ${known}`,
      );
      seen.set(nameOf(declaration), known);
    }
  }
});

describe('help', () => {
  const pages = [
    rootHelp(commands),
    ...nounsOf(commands).map(nounHelp),
    ...['exit-codes', 'environment'].map((word) => helpFor([word], commands)),
  ];
  test('fits 80 columns on every page', () => {
    expect(pages.flatMap((page) => page.split('\n')).filter((line) => line.length > 80)).toEqual([]);
  });
  test('shows each command with its summary on one line', () => {
    for (const { name, summary } of commands) {
      const line = `  ${name.padEnd(18)}  ${summary}`;
      expect(line.length, line).toBeLessThanOrEqual(80);
      expect(pages.filter((page) => page.split('\n').includes(line)).length, line).toBeGreaterThan(0);
    }
  });
  test.each([
    ['backup', 'list', '--all-sets', '--all-series'],
    ['backup', 'prune', '--all-sets', '--all-series'],
    ['restore', 'run', '--from-set', '--from-series'],
    ['backup', 'show', '--from-set=x', '--from-series'],
  ])('potctl %s %s %s is answered with the new name of the flag', async (noun, verb, old, now) => {
    const { exitCode, stderr } = await runMain([noun, verb, old], commands);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`Did you mean '${now}'?`);
  });
  test('contains only command lines that can be parsed', () => {
    const examples = pages.flatMap((page) =>
      page.split('\n').filter((line) => /^ {2}([A-Z]+=\S+ )?potctl /.test(line)),
    );
    const mostUsed = pages.flatMap((page) => /Most used: {2}(.*)/.exec(page)?.[1]?.split(' · ') ?? []);
    expect(examples.length).toBeGreaterThan(5);
    expect(mostUsed.length).toBeGreaterThan(5);
    for (const line of [...examples, ...mostUsed])
      expect(() => understood(line.trim().split(/ {2,}/)[0]!)).not.toThrow();
  });
  test.each([[[]], [['-h']], [['--help']], [['help']]])('potctl %j shows all commands on stdout', async (args) => {
    const { exitCode, stdout, stderr } = await runMain(args, commands);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const { name } of commands) expect(stdout).toContain(`  ${name} `);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^Most used: /);
  });
  test.each([
    [['help', 'config', 'show']],
    [['config', 'show', '-h']],
    [['config', 'help', 'show']],
    [['-p', 'x', 'config', 'show', '--help']],
    [['configs', 'show', '--help']],
  ])('potctl %j shows the help of that command', async (args) => {
    const { exitCode, stdout } = await runMain(args, commands);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^potctl config show: /);
  });
  test('a noun alone prints its help on stderr and exits with 2', async () => {
    const { exitCode, stdout, stderr } = await runMain(['config'], commands);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('potctl config validate');
  });
});

test('flags can stand before or after the noun, and the later one wins', () => {
  const profileOf = (...args: string[]): unknown => {
    const parsed = parseCommandLine(args, commands);
    return parsed.kind === 'run' ? understand(parsed.command, parsed.raw, {}).globals.profile : parsed.kind;
  };
  expect(profileOf('-p', 'prod', 'config', 'show')).toBe('prod');
  expect(profileOf('config', '-p', 'prod', 'show')).toBe('prod');
  expect(profileOf('config', 'show', '--profile=prod')).toBe('prod');
  expect(profileOf('-p', 'one', 'config', 'show', '-p', 'two')).toBe('two');
});

describe('target flags', () => {
  const WHERE = { database: '--database', repository: '--repository', files: '--files' } as const;
  const own = ({ input }: (typeof commands)[number]): string[] =>
    Object.values(input as InputSpec).map(({ declaration }) => `--${nameOf(declaration)}`);

  test.each(commands.map((command) => [command.name, command] as const))(
    'potctl %s has only the target flags that it needs',
    (name, command) => {
      for (const need of ['database', 'repository', 'files'] as const) {
        const flag = WHERE[need];
        if (own(command).includes(flag)) continue;
        const offered = new RegExp(`^ +${flag} `, 'm').test(commandHelp(command));
        expect(`${flag} offered: ${offered}`).toBe(`${flag} offered: ${command.needs.includes(need)}`);
        const argument = flagsOf(command).argument?.declaration.startsWith('<') ? ['x'] : [];
        for (const line of [
          [...name.split(' '), ...argument, flag, 'x'],
          [flag, 'x', ...name.split(' '), ...argument],
        ]) {
          const read = (): void => {
            const parsed = parseCommandLine(line, commands);
            if (parsed.kind === 'run') understand(parsed.command, parsed.raw, {});
          };
          if (command.needs.includes(need)) expect(read).not.toThrow();
          else expect(read).toThrow(`'potctl ${name}' takes no '${flag}'`);
        }
      }
    },
  );

  test('a flag that is not needed is an error with its reason; a variable is ignored', async () => {
    const { exitCode, stderr } = await runMain(['mfa', 'reset', 'ana', '--repository', 'r'], commands);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('it does not use a repository');
    const env = { POTCTL_REPOSITORY: '/r', POTCTL_FILES: '/f', PGDATABASE: 'app' };
    expect(await runMain(['explain', 'E_LOCKED'], commands, { env })).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('completion offers the same flags', () => {
    const script = completionScript('bash', commands);
    const wordsOf = (name: string): string[] => new RegExp(`"${name}"\\) words="(.*)" ;;`).exec(script)![1]!.split(' ');
    expect(wordsOf('mfa reset')).toContain('--database');
    expect(wordsOf('mfa reset')).not.toContain('--repository');
    expect(wordsOf('backup list')).toContain('--repository');
    expect(wordsOf('config path')).not.toContain('--database');
  });
});

test('a variable sets a flag, and a given flag overrides it', () => {
  const outputOf = (env: Record<string, string>, ...args: string[]): unknown => {
    const parsed = parseCommandLine(['explain', ...args], commands);
    return parsed.kind === 'run' ? understand(parsed.command, parsed.raw, env).globals.output : parsed.kind;
  };
  expect(outputOf({ POTCTL_OUTPUT: 'json' })).toBe('json');
  expect(outputOf({ POTCTL_OUTPUT: 'json' }, '-o', 'plain')).toBe('plain');
  expect(() => outputOf({ POTCTL_OUTPUT: 'jsn' })).toThrow("'--output' takes one of");
});

test('backup create --output DIR means the repository, with a notice; for other commands it is an invalid format', async () => {
  const parsed = parseCommandLine(['backup', 'create', '--output', './backups', '--database-only'], commands);
  const found = parsed.kind === 'run' ? understand(parsed.command, parsed.raw, {}) : undefined;
  expect(found).toMatchObject({ target: { repository: './backups' }, globals: { output: undefined } });
  expect(found?.notices).toEqual([
    "'./backups' is not an output format: '--output ./backups' is read as '--repository ./backups'.",
  ]);
  const { exitCode, stderr } = await runMain(['backup', 'list', '--output', './backups'], commands);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("'--output' takes one of table, plain, json, ndjson, csv");
});

test('the support desk has no dry run', async () => {
  const change = await support.prepare({ practice: false }, { terminal: {} } as unknown as Context);
  await expect(change.dryRun()).rejects.toMatchObject({ code: 'E_USAGE', changed: 'nothing' });
});
