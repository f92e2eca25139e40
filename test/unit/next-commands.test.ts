import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flagsOf, nounsOf } from '../../commands/cli/parse/grammar.js';
import { understand } from '../../commands/cli/parse/invocation.js';
import { parseCommandLine } from '../../commands/cli/parse/program.js';
import { hereOf, spelled } from '../../commands/cli/run/next.js';
import { commands } from '../../commands/registry.js';
import { ERROR_CATALOG } from '../../src/kernel/error-catalog.js';
import { partsOf, potctl } from '../../src/kernel/next.js';
import { reachedBy } from '../support/pasted.js';
import { proposalsIn, sourcesOf } from './next-literals.js';

/** Text for a file or a server, not for somebody who would paste it. */
const TEXTS: readonly string[] = [
  // SQL, whose comments are for whoever runs it.
  'src/grants/grants-sql.ts',
];

/** Computed words, and their possible values. */
const COMPUTED = { task: ['reset'], withoutFiles: ['--only', 'db'] };

const engine = sourcesOf('src');
const proposals = proposalsIn('potctl', sourcesOf('src', 'commands'), COMPUTED);

test('no file of the engine contains a command as text', () => {
  const firsts = [...nounsOf(commands), ...commands].map(({ name }) => name.split(' ')[0]!);
  const command = new RegExp(`\\bpotctl (?:${[...new Set([...firsts, 'help'])].join('|')})\\b.*`);
  const found = engine
    .filter(({ file }) => !TEXTS.includes(file))
    .flatMap(({ file, code }) =>
      code.split('\n').flatMap((line) => (command.exec(line) ? [`${file}: ${line.trim()}`] : [])),
    );
  expect(found).toEqual([]);
});

test('no file of the engine, and no command, contains a flag with its value as text', () => {
  const flag = /(?:\\`|accept it: )--?[a-z][a-z-]* \$\{.*/;
  const found = sourcesOf('src', 'commands').flatMap(({ file, code }) =>
    code.split('\n').flatMap((line) => (flag.test(line) ? [`${file}: ${line.trim()}`] : [])),
  );
  expect(found).toEqual([]);
});

test('every proposed command exists, with flags and arguments that it accepts', () => {
  expect(proposals.length).toBeGreaterThan(100);
  const wrong = proposals.filter(({ words }) => {
    try {
      const parsed = parseCommandLine(words.map(filledIn), commands);
      if (parsed.kind === 'run') understand(parsed.command, parsed.raw, {});
      return !['run', 'topic'].includes(parsed.kind);
    } catch {
      return true;
    }
  });
  expect(wrong).toEqual([]);
});

/** A number where one is expected: no flag of a proposal accepts anything else that `X` is not. */
const filledIn = (word: string): string => (word === '…' ? 'some text' : word);

/** `-p, --profile <name>` → `-p`, `--profile`. */
const namesOf = (declaration: string): string[] => declaration.match(/(?<![a-z])--?[a-z][a-z0-9-]*/g) ?? [];

test('every flag of a proposed repetition belongs to some command', () => {
  const known = new Set(
    commands.flatMap((command) =>
      [...flagsOf(command).own, ...flagsOf(command).shared].flatMap(({ declaration }) => namesOf(declaration)),
    ),
  );
  const again = proposalsIn('again', sourcesOf('src', 'commands'));
  expect(again.length).toBeGreaterThan(20);
  const flags = again.flatMap(({ words }) => words.filter((word) => word.startsWith('-')));
  expect(flags.filter((flag) => !known.has(flag))).toEqual([]);
});

describe('pasted into a shell, a proposed command works where the original one did', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "potctl next's "));
    mkdirSync(path.join(folder, 'elsewhere'));
    const profile = (name: string): string =>
      `  ${name}: { database: { host: ${name}.example, name: app, user: ops }, files: { path: /srv/${name} }, repositories: { main: { path: /backups/${name} } } }\n`;
    writeFileSync(path.join(folder, 'my config.yaml'), `profiles:\n${profile('prod')}${profile('test')}`, {
      mode: 0o600,
    });
    writeFileSync(path.join(folder, 'password'), 'x', { mode: 0o600 });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Failing lines, each with another way to name its place. */
  const LINES: readonly (readonly [string, Record<string, string>])[] = [
    ["--config 'my config.yaml' -p test restore run latest", {}],
    ["-p test --config 'my config.yaml' mfa enroll ana --reason x", {}],
    ["backup create --files 'my files' --repository ./my-backups", { PGHOST: '/run/my pg', PGDATABASE: "it's" }],
    ['restore plan --database other --password-file password --repository r/r', { PGHOST: 'db1', PGDATABASE: 'app' }],
    ["restore run latest --config 'my config.yaml' -p prod --database other --files f/ --repository r/", {}],
    ['mfa list --database other', { PGHOST: 'db1', PGPORT: '5433', PGUSER: 'support' }],
    ['restore run latest', { POTCTL_REPOSITORY: './my-backups', POTCTL_FILES: 'my files', PGDATABASE: 'app' }],
    ['backup list', { POTCTL_REPOSITORY: 's3://bucket/a', POTCTL_CONFIG: 'my config.yaml', POTCTL_PROFILE: 'test' }],
    ['backup create', { POTCTL_CONFIG: 'my config.yaml', POTCTL_PROFILE: 'prod', PGDATABASE: 'other' }],
    ['backup create -p prod --files other', { POTCTL_CONFIG: 'my config.yaml', POTCTL_FILES: '/srv', PGHOST: 'db2' }],
    ['doctor', { PGHOST: 'db1', PGUSER: 'ops', PGDATABASE: 'app' }],
  ];

  /** Everything that may be proposed for this line, and the directory to paste it in: the same for a changed line, any other otherwise. */
  function pasted(line: string, environment: Record<string, string>): Map<string, string> {
    const argv = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
    const parsed = parseCommandLine(argv, commands);
    if (parsed.kind !== 'run') throw new Error(line);
    const here = hereOf(understand(parsed.command, parsed.raw, {}), argv, { environment, cwd: folder, commands });
    const remedies = Object.values(ERROR_CATALOG).flatMap(({ remedy }) => remedy.flatMap(partsOf));
    // A command that names its own place does not work where this line did.
    const placeless = proposals.filter(({ words }) => !words.includes('--repository') && !words.includes('--files'));
    const parts = [...remedies, ...placeless.map(({ words }) => potctl(...words))];
    return new Map(
      parts
        .filter((part) => typeof part === 'object')
        .map((part) => [spelled(part, here), 'again' in part ? folder : path.join(folder, 'elsewhere')] as const)
        .filter(([text]) => text.includes('potctl ')),
    );
  }

  test.each(LINES)('%s', { timeout: 60_000 }, async (line, environment) => {
    const front = Object.entries(environment)
      .map(([name, value]) => `${name}='${value.replaceAll("'", `'\\''`)}' `)
      .join('');
    const typed = await reachedBy(`${front}potctl ${line}`, folder);
    const found = pasted(line, environment);
    expect(found.size).toBeGreaterThan(50);
    for (const [one, cwd] of found) {
      const reached = await reachedBy(one, cwd);
      for (const key of ['profile', 'database', 'repository', 'files'] as const) {
        if (reached[key] === null || typed[key] === null) continue;
        expect(`${one} → ${key} ${reached[key]}`).toBe(`${one} → ${key} ${typed[key]}`);
      }
    }
  });
});
