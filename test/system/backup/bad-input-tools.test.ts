import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { potctl, type Ran } from '../../support/run-cli.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';

let database: TestDatabase;
let folder: string;
let repository: string;
let files: string;

beforeEach(async () => {
  database = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  folder = await temporaryFolder();
  repository = path.join(folder, 'repository');
  files = await makeTree({ 'a.txt': 'alpha' }, path.join(folder, 'files'));
});

/** Runs a command that finds its PostgreSQL tools in `bin` and nowhere else. */
const withTools = (bin: string, ...args: string[]): Promise<Ran> =>
  potctl([...args, '--repository', repository, '--json'], {
    env: { PGDATABASE: database.name, POTCTL_PG_BINDIR: bin },
  });

const errorOf = ({ stderr }: Ran) => JSON.parse(stderr.trim().split('\n').at(-1)!).error;

/** A folder with programs that are shell scripts. */
async function scripts(bodies: Readonly<Record<string, string>>): Promise<string> {
  const bin = path.join(folder, 'bin');
  await mkdir(bin);
  for (const [name, body] of Object.entries(bodies)) {
    await writeFile(path.join(bin, name), `#!/bin/sh\n${body}\n`);
    await chmod(path.join(bin, name), 0o755);
  }
  return bin;
}

const version = (number: string) => `echo "tool (PostgreSQL) ${number}"`;
const all = (body: string) => ({ pg_dump: body, pg_dumpall: body, pg_restore: body });

async function onlyPgDump(): Promise<string> {
  const bin = await scripts({});
  await symlink(path.join(inject('postgres').binaries, 'pg_dump'), path.join(bin, 'pg_dump'));
  return bin;
}

describe('backup create refuses before it reads a single file', () => {
  test.each([
    { name: 'no pg_dump', make: async () => '/nonexistent', code: 'E_TOOL_MISSING', says: '/nonexistent' },
    { name: 'too old a pg_dump', make: () => scripts(all(version('9.6.1'))), code: 'E_TOOL_OLD', says: 'found 9.6.1' },
    { name: 'something else of that name', make: () => scripts(all('echo hello')), code: 'E_TOOL_MISSING', says: '' },
    { name: 'pg_dump without its companions', make: onlyPgDump, code: 'E_TOOL_MISSING', says: '' },
  ])('$name', async ({ make, code, says }) => {
    const ran = await withTools(await make(), 'backup', 'create', '--files', files);

    expect({ exitCode: ran.exitCode, stdout: ran.stdout }).toEqual({ exitCode: 17, stdout: '' });
    expect(errorOf(ran)).toMatchObject({ code, changed: 'nothing', why: expect.stringContaining(says) });
    expect(ran.stderr).not.toContain('files  ');
    expect(await readdir(path.join(repository, 'backups')).catch(() => [])).toEqual([]);
  });
});

describe('a backup stays good when it cannot be verified because pg_restore', () => {
  test.each([
    { name: 'is not installed', make: onlyPgDump },
    { name: 'prints nothing', make: () => scripts(all(version('99.1'))) },
    { name: 'was killed', make: () => scripts(all(`${version('99.1')}; [ "$1" = --version ] || kill -9 $$`)) },
    { name: 'crashed', make: () => scripts(all(`${version('99.1')}; [ "$1" = --version ] || kill -SEGV $$`)) },
    { name: 'lacks a library', make: () => scripts(all(`${version('99.1')}; [ "$1" = --version ] || exit 127`)) },
    {
      name: 'may not open the file',
      make: () =>
        scripts(
          all(
            `${version('99.1')}; [ "$1" = --version ] || { echo "pg_restore: error: could not open input file: Permission denied" >&2; exit 1; }`,
          ),
        ),
    },
  ])('$name', async ({ make }) => {
    expect((await withTools('', 'backup', 'create', '--files', files)).exitCode).toBe(0);

    const looked = await withTools(await make(), 'backup', 'verify', '--level', 'full');

    expect(looked.exitCode).toBe(3);
    const { checks } = JSON.parse(looked.stdout).item;
    expect(checks.filter(({ state }: { state: string }) => state === 'fail')).toEqual([]);
    expect(checks).toContainEqual(expect.objectContaining({ check: 'pg_restore --list', state: 'unknown' }));
    const [item] = JSON.parse((await withTools('', 'backup', 'list')).stdout).items;
    expect(item.verified).toMatchObject({ level: 'quick', ok: true });
  });
});
