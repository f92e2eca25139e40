import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/kernel/secret.js';
import { openPassfile } from '../../../src/postgres/passfile.js';
import { connect, freshDatabase } from '../../support/database.js';
import { mfaSite, WHY } from '../../support/mfa.js';
import { pgTool } from '../../support/old-scripts.js';
import { cleanEnvironment, POTCTL, potctl } from '../../support/run-cli.js';
import { canMount, smallDisk } from '../../support/small-disk.js';
import { temporaryFolder } from '../../support/tree.js';

describe('without a home directory', () => {
  test.skipIf(process.getuid?.() !== 0)(
    'every command works for a user unknown to the system, as in a container (needs root)',
    async () => {
      const options = { env: { HOME: undefined, XDG_STATE_HOME: undefined }, user: 54_321 };
      for (const args of [
        ['version'],
        ['config', 'path'],
        ['config', 'show'],
        ['explain', 'E_IO'],
        ['completion', 'bash'],
      ]) {
        const { exitCode, stderr } = await potctl(args, options);
        expect(exitCode, `${args.join(' ')}: ${stderr}`).toBe(0);
      }
    },
  );

  test.each(['', 'home', '.'])('HOME=%j reads no configuration from the current directory', async (home) => {
    const cwd = await temporaryFolder();
    const folder = path.join(cwd, home, '.config', 'potctl');
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'config.yaml'), 'default_profile: planted\nprofiles: { planted: {} }\n', {
      mode: 0o600,
    });
    const { stdout } = await potctl(['config', 'path', '--json'], {
      cwd,
      env: { HOME: home, XDG_CONFIG_HOME: undefined },
    });
    const { item } = JSON.parse(stdout);
    expect(item.file).toBeNull();
    for (const place of item.looked_for) expect(place).not.toContain(cwd);
  });
});

describe('a missing temporary directory', () => {
  test('does not prevent creating, verifying and restoring a backup', async () => {
    const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) as n' });
    const folder = await temporaryFolder();
    mkdirSync(path.join(folder, 'tree'));
    writeFileSync(path.join(folder, 'tree', 'a'), 'a');
    const place = ['--repository', path.join(folder, 'backups'), '--files', path.join(folder, 'tree')];
    const env = { PGDATABASE: database.name, TMPDIR: '/nonexistent' };
    await database.client.end();
    expect((await potctl(['backup', 'create', ...place], { env })).exitCode).toBe(0);
    expect((await potctl(['backup', 'verify', 'latest', '--level', 'full', ...place], { env })).exitCode).toBe(0);
    const { exitCode, stderr } = await potctl(['restore', 'run', 'latest', '--confirm', database.name, ...place], {
      env,
    });
    if (exitCode === 0) return;
    expect(exitCode).toBe(17);
    expect(stderr).toContain('Set TMPDIR to a directory that exists');
    expect(stderr).toMatch(/Changed: +nothing/);
  });
});

describe('a deleted current directory', () => {
  const inDeleted = async (...args: string[]): Promise<{ readonly exitCode: number; readonly stderr: string }> => {
    const folder = await temporaryFolder();
    const script = `mkdir '${folder}/gone' && cd '${folder}/gone' && rmdir '${folder}/gone' && exec "$@"`;
    const argv = ['-c', script, 'sh', process.execPath, POTCTL, ...args];
    return new Promise((resolve) => {
      execFile('sh', argv, { env: cleanEnvironment() }, (error, _stdout, stderr) =>
        resolve({ exitCode: error === null ? 0 : Number(error.code), stderr }),
      );
    });
  };

  test.each([
    [['backup', 'list', '--repository', './backups']],
    [['backup', 'create', '--only', 'db', '--repository', 'rel']],
    [['backup', 'import', 'app.dump', '--repository', '/nonexistent/r']],
    [['restore', 'files', 'latest', '--path', 'a', '--to', 'found', '--repository', '/nonexistent/r']],
  ])('is reported by %j, with advice', async (args) => {
    const { exitCode, stderr } = await inDeleted(...args);
    expect(exitCode).toBe(17);
    expect(stderr).toContain('the current directory no longer exists');
    expect(stderr).toMatch(/Changed: +nothing\./);
    expect(stderr).toContain('cd "$PWD"');
  });

  test('does not matter to commands that do not need it', async () => {
    const folder = await temporaryFolder();
    mkdirSync(path.join(folder, 'files'));
    writeFileSync(path.join(folder, 'files', 'a'), 'a');
    const place = ['--repository', path.join(folder, 'r'), '--files', path.join(folder, 'files')];
    for (const args of [['version'], ['explain', 'E_IO'], ['backup', 'create', '--only', 'files', ...place]])
      expect(await inDeleted(...args)).toMatchObject({ exitCode: 0 });
    for (const args of [['list'], ['verify', 'latest'], ['prune', '--keep-last', '1']])
      expect(await inDeleted('backup', ...args, ...place)).toMatchObject({ exitCode: 0 });
    expect((await inDeleted('backup', 'create', '--help')).exitCode).toBe(0);
  });

  test('does not matter to a restore, its undo, single files and an import with absolute paths', async () => {
    const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) as n' });
    const folder = await temporaryFolder();
    const [files, dump, found] = ['files', 'app.dump', 'found'].map((name) => path.join(folder, name));
    mkdirSync(files!);
    writeFileSync(path.join(files!, 'a'), 'a');
    await pgTool('pg_dump', ['-d', database.name, '-Fc', '-f', dump!]);
    const place = ['--repository', path.join(folder, 'r'), '--files', files!, '--database', database.name];
    const confirm = ['--confirm', database.name];
    const run = async (...args: string[]): Promise<void> => {
      const { exitCode, stderr } = await inDeleted(...args, ...place);
      expect(exitCode, `${args.join(' ')}: ${stderr}`).toBe(0);
    };
    const rows = async (): Promise<unknown> => {
      const client = await connect(database.name);
      const counted = await client.query('select count(*)::int as n from t');
      await client.end();
      return counted.rows[0].n;
    };

    await run('backup', 'create');
    await database.query('delete from t');
    await database.client.end();
    writeFileSync(path.join(files!, 'a'), 'changed');
    await run('restore', 'run', 'latest', ...confirm);
    expect([await rows(), readFileSync(path.join(files!, 'a'), 'utf8')]).toEqual([10, 'a']);
    await run('restore', 'files', 'latest', '--path', 'a', '--to', found!);
    expect(readFileSync(path.join(found!, 'a'), 'utf8')).toBe('a');
    await run('restore', 'undo', ...confirm);
    expect([await rows(), readFileSync(path.join(files!, 'a'), 'utf8')]).toEqual([0, 'changed']);
    await run('backup', 'import', dump!);
  });
});

test.skipIf(!canMount)(
  'a lack of space for the passfile is reported for the temporary directory (needs root)',
  async () => {
    const { disk, fill } = await smallDisk(1);
    fill();
    const failed: unknown = await openPassfile(disk)
      .path(new Secret('x'))
      .catch((error) => error);
    expect(failed).toMatchObject({ code: 'E_NO_SPACE', fix: [expect.stringContaining('TMPDIR')] });
  },
);

test.skipIf(!canMount)(
  'a full disk for the file of codes is reported for that file, and changes nothing (needs root)',
  async () => {
    const site = await mfaSite('3dpot');
    const person = await site.seed();
    await site.enable(person, ['11111111']);
    const { disk, fill } = await smallDisk(4);
    fill();
    const file = path.join(disk, 'codes.txt');
    const before = await site.stored(person);
    const { exitCode, error } = await site.json([
      'codes',
      person.name,
      ...WHY,
      '--codes-to',
      file,
      '--confirm',
      person.name,
    ]);
    expect(exitCode).toBe(17);
    expect(error).toMatchObject({ code: 'E_NO_SPACE', changed: 'nothing' });
    expect(error.fix.join(' ')).toContain('name a new file');
    expect(error.fix.join(' ')).not.toContain('repository');
    expect(await site.stored(person)).toEqual(before);
    expect(existsSync(file)).toBe(false);
  },
);
