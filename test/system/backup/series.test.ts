import { existsSync } from 'node:fs';
import { appendFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { freshDatabase } from '../../support/database.js';
import type { Ran } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';

const DAY_MS = 86_400_000;
const OTHER_CLOCK = fileURLToPath(new URL('../../fixtures/other-clock.cjs', import.meta.url));

let top: string;
let repository: string;
let tree: string;
let database: string;
beforeEach(async () => {
  top = await temporaryFolder();
  repository = path.join(top, 'r');
  tree = await makeTree({ 'a.txt': 'alpha', 'b.txt': 'beta' }, path.join(top, 'storage'));
  database = (await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' })).name;
});

/** Runs potctl on a machine whose clock is that many days ahead. */
function ahead(days: number, ...args: string[]): Promise<Ran> {
  const clock = { NODE_OPTIONS: `--require ${OTHER_CLOCK}`, POTCTL_TEST_CLOCK_MS: String(days * DAY_MS) };
  const env = { PGDATABASE: database, ...(days === 0 ? {} : clock) };
  return potctl([...args, '--repository', repository], { env });
}

const run = (...args: string[]): Promise<Ran> => ahead(0, ...args);
const left = async (): Promise<string[]> => (await readdir(path.join(repository, 'backups'))).sort();
const create = async (...flags: string[]): Promise<string> => (await run('backup', 'create', ...flags)).stdout.trim();

describe('the only backup with files', () => {
  test('is kept, however many newer backups have only the database', async () => {
    const whole = await create('--files', tree);
    const alone: string[] = [];
    for (let at = 0; at < 3; at += 1) {
      const made = await run('backup', 'create', '--only', 'db', '--prune', '--keep-last', '2');
      expect(made.exitCode).toBe(0);
      alone.push(made.stdout.trim());
    }
    expect(await left()).toEqual([whole, ...alone.slice(1)].sort());
    const plan = await run('backup', 'prune', '--keep-last', '1', '--dry-run');
    expect(plan.stdout + plan.stderr).toMatch(new RegExp(`${whole}.* keep +the newest good with files`));
  });

  test('cannot be removed by id either, and a pinned one only after it is unpinned', async () => {
    const whole = await create('--files', tree);
    const [older] = [await create('--only', 'db'), await create('--only', 'db')];
    const refused = await run('backup', 'prune', whole, '--confirm', database);
    expect(refused).toMatchObject({ exitCode: 30, stdout: '' });
    expect(refused.stderr).toContain('the newest good with files');
    const line = /to replace it: `.*potctl (.*)`/.exec(refused.stderr)![1]!;
    expect(line).toContain(`backup create --files ${tree}`);
    const made = await run(...line.split(' ').slice(0, -2));
    expect(made).toMatchObject({ exitCode: 0 });
    expect((await run('backup', 'prune', whole, '--confirm', database)).exitCode).toBe(0);
    expect(await left()).toContain(made.stdout.trim());

    await run('backup', 'pin', older!, '--reason', 'court');
    expect((await run('backup', 'prune', older!, '--confirm', database)).stderr).toContain('pinned: court');
    await run('backup', 'unpin', older!);
    expect((await run('backup', 'prune', older!)).exitCode).toBe(30);
    expect((await run('backup', 'prune', older!, '--keep-last', '1')).exitCode).toBe(2);
    expect((await left()).length).toBe(3);
    expect(await run('backup', 'prune', older!, '--confirm', database)).toMatchObject({
      exitCode: 0,
      stdout: `${older}\n`,
    });
    expect((await left()).length).toBe(2);
  });

  test('is named by the list and by the plan of a restore if a newer backup has no files', async () => {
    const whole = await create('--files', tree);
    const alone = await create('--only', 'db');
    const listed = await run('backup', 'list');
    expect(listed.stderr).toContain(`Newest good backup: ${alone}. Newest good backup with files: ${whole}.`);
    const planned = await run('restore', 'plan', 'latest', '--files', tree);
    expect(planned.stdout + planned.stderr).toContain(`the newest good backup with files is '${whole}'`);
    const files = await run('restore', 'plan', 'latest', '--only', 'files', '--files', tree);
    expect(files.stdout + files.stderr).toContain(whole);
  });
});

describe('files that earlier backups contain', () => {
  test('make a backup without them degraded, unless it was requested for the database only', async () => {
    await create('--files', tree);
    const forgotten = await run('backup', 'create');
    expect(forgotten.exitCode).toBe(3);
    expect(forgotten.stderr).toMatch(
      /degraded: it has no files, but '.*' has those of .*: pass --files DIR to include them, or --only db/,
    );
    const planned = await run('backup', 'create', '--dry-run', '--json');
    expect(JSON.parse(planned.stdout).result.degraded_reasons).toHaveLength(1);
    expect((await run('backup', 'create', '--only', 'db')).exitCode).toBe(0);
    expect((await run('backup', 'create', '--database-only')).exitCode).toBe(0);
    expect((await run('backup', 'create', '--files', tree)).exitCode).toBe(0);
  });

  test('are not reported as missing if no backup ever had any', async () => {
    await create();
    expect((await run('backup', 'create')).exitCode).toBe(0);
  });
});

describe('a wrong clock', () => {
  test('makes a degraded backup that is never the latest, blocks pruning and can be removed', async () => {
    const good = [await create(), await create(), await create()];
    const wrong = await ahead(400, 'backup', 'create', '--prune', '--keep-within', '7d', '--verify', 'quick');
    expect(wrong.exitCode).toBe(3);
    expect(wrong.stderr).toContain("degraded: its date is wrong: this machine's clock is 400d ahead");
    const future = wrong.stdout.trim();
    expect(await left()).toEqual([...good, future].sort());

    expect((await run('backup', 'show', 'latest', '--json')).stdout).toContain(`"id":"${good[2]}"`);
    expect((await run('backup', 'list')).stderr).toMatch(new RegExp(`'${future}' is dated in the future`));
    const next = await run('backup', 'create');
    expect(next.exitCode).toBe(0);
    expect(next.stderr).toContain(`potctl backup prune ${future}`);
    const refused = await run('backup', 'prune', '--keep-last', '1', '--confirm', database);
    expect(refused.exitCode).toBe(17);
    expect(refused.stderr).toContain(`potctl backup prune ${future}`);

    expect((await run('backup', 'prune', future, '--confirm', database)).exitCode).toBe(0);
    expect((await run('backup', 'prune', '--keep-last', '1', '--confirm', database)).exitCode).toBe(0);
    expect(await left()).toEqual([next.stdout.trim()]);
  });

  test('removes nothing by age: the server’s clock is compared or, without a server, confirmation is required', async () => {
    // Within one second, ids say nothing about which backup is the oldest.
    const [oldest] = [await create(), await create(), await create()];
    const asked = await ahead(400, 'backup', 'prune', '--keep-within', '7d', '--confirm', database);
    expect(asked).toMatchObject({ exitCode: 17, stdout: '' });
    expect(asked.stderr).toContain("400d ahead of the database server's");
    await run('backup', 'pin', oldest, '--reason', 'audit', '--until', '90d');
    const lapsed = await ahead(400, 'backup', 'prune', '--keep-last', '1', '--confirm', database);
    expect(lapsed.stderr).toContain("400d ahead of the database server's");
    const options = { NODE_OPTIONS: `--require ${OTHER_CLOCK}`, POTCTL_TEST_CLOCK_MS: String(400 * DAY_MS) };
    const alone = await potctl(['backup', 'prune', '--keep-within', '7d', '--repository', repository], {
      env: { PGDATABASE: database, PGHOST: '/nonexistent', ...options },
    });
    expect(alone.exitCode).toBe(30);
    expect((await left()).length).toBe(3);
  });

  test('that is behind makes a backup that is not good', async () => {
    const good = await create();
    const wrong = await ahead(-400, 'backup', 'create');
    expect(wrong.exitCode).toBe(3);
    expect(wrong.stderr).toContain('behind the database');
    expect((await run('backup', 'show', 'latest', '--json')).stdout).toContain(`"id":"${good}"`);
  });

  test('that is behind neither suggests nor allows removing good backups if the server can be asked', async () => {
    const good = await create();
    const made = await ahead(-400, 'backup', 'create');
    expect(made.stderr).not.toContain('backup prune');
    const refused = [
      await ahead(-400, 'backup', 'prune', good, '--confirm', database),
      await ahead(-400, 'backup', 'prune', '--keep-last', '1', '--confirm', database),
    ];
    for (const { exitCode, stderr } of refused) {
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 17 });
      expect(stderr).toContain("400d behind the database server's");
      expect(stderr).not.toContain('remove it');
    }
    expect(await left()).toContain(good);
  });

  test('that is behind removes nothing without a server, and the reason is named', async () => {
    const good = await create();
    const options = { NODE_OPTIONS: `--require ${OTHER_CLOCK}`, POTCTL_TEST_CLOCK_MS: String(-400 * DAY_MS) };
    const env = { PGDATABASE: database, PGHOST: '/nonexistent', ...options };
    const { exitCode, stderr } = await potctl(['backup', 'prune', good, '--repository', repository], { env });
    expect(exitCode).toBe(30);
    expect(stderr).toContain('dated in the future, but there is no good backup');
  });

  test('makes potctl suggest a command to remove the backup from the future that can be pasted unchanged', async () => {
    await create();
    const future = (await ahead(400, 'backup', 'create')).stdout.trim();
    for (const told of [await run('backup', 'list'), await run('backup', 'create')]) {
      const line = /remove it: `(.*)`/.exec(told.stderr)?.[1];
      expect(line).toContain(`PGDATABASE=${database} `);
      expect(line).toContain(`potctl backup prune ${future}`);
      expect(line).toContain(`--repository ${repository}`);
    }
  });
});

describe('a repository that does not exist yet', () => {
  test('is reported as new, even by a dry run', async () => {
    expect((await run('backup', 'create', '--dry-run')).stderr).toContain(`New repository: ${repository}`);
    expect((await run('backup', 'create')).stderr).toContain(`New repository: ${repository}`);
    expect((await run('backup', 'create')).stderr).not.toContain('New repository');
  });

  test('is created in production only with --init', async () => {
    const config = path.join(top, 'config.yaml');
    await writeFile(config, `profiles:\n  prod:\n    environment: production\n    database: { name: ${database} }\n`);
    const production = (...args: string[]): Promise<Ran> => run(...args, '-p', 'prod', '--config', config);
    for (const flags of [[], ['--dry-run']]) {
      const refused = await production('backup', 'create', '--only', 'db', ...flags);
      expect(refused).toMatchObject({ exitCode: 30, stdout: '' });
      expect(refused.stderr).toMatch(/`(?:PG\S+ )*potctl backup create --only db .*--init`/);
    }
    const dump = path.join(top, 'app.sql');
    await writeFile(dump, 'create table t (i int);\n');
    const imported = await production('backup', 'import', dump, '--database-name', database);
    expect(imported.exitCode).toBe(30);
    expect(imported.stderr).toMatch(/potctl backup import \S+ --database-name \S+ .*--init`/);
    const labelled = await production('backup', 'create', '--label', 'before=upgrade');
    expect(labelled.stderr).toMatch(/potctl backup create --label before=upgrade .*--init`/);
    expect(existsSync(repository)).toBe(false);

    expect((await production('backup', 'create', '--init')).exitCode).toBe(0);
    expect((await production('backup', 'create')).exitCode).toBe(0);
    expect((await left()).length).toBe(2);
  });
});

test('a damaged history is found by verify and shown by list and show, and its pin still protects the backup', async () => {
  const ids = [await create(), await create(), await create()];
  const [pinned] = ids as [string];
  await run('backup', 'pin', pinned, '--reason', 'court');
  const events = path.join(repository, 'backups', pinned, 'events.ndjson');
  await rm(events);

  const verified = await run('backup', 'verify', pinned);
  expect(verified.exitCode).toBe(20);
  expect(verified.stderr).toContain('the history of backup');
  expect((await run('backup', 'list')).stderr).toContain(`the history of backup '${pinned}' is damaged`);
  expect((await run('backup', 'show', pinned)).stdout).toMatch(/history +damaged: .*nothing is lost/);
  await appendFile(events, '\0\0\0\0');
  const pruned = await run('backup', 'prune', '--keep-last', '1', '--confirm', database);
  expect(pruned).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('Repaired the damaged history') });
  expect(await left()).toEqual([pinned, ids[2]!].sort());
  expect((await run('backup', 'verify', pinned)).exitCode).toBe(0);
});

test.each(['emptied', 'deleted'])('a history whose two files are both %s keeps its pin', async (how) => {
  const ids = [await create(), await create(), await create()];
  const [pinned] = ids as [string];
  await run('backup', 'pin', pinned, '--reason', 'court');
  for (const name of ['events.ndjson', 'events.ndjson.copy']) {
    const file = path.join(repository, 'backups', pinned, name);
    await (how === 'emptied' ? writeFile(file, '') : rm(file));
  }
  expect((await run('backup', 'verify', pinned)).exitCode).toBe(20);
  const byHand = await run('backup', 'prune', pinned, '--confirm', database);
  expect(byHand).toMatchObject({ exitCode: 30, stderr: expect.stringContaining('pinned: court') });
  const pruned = await run('backup', 'prune', '--keep-last', '1', '--confirm', database);
  expect(pruned).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('Repaired the damaged history') });
  expect(await left()).toEqual([pinned, ids[2]!].sort());
});
