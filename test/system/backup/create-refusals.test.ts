import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { freshDatabase, inMaintenance, quote, type TestDatabase } from '../../support/database.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { temporaryFolder } from '../../support/tree.js';

let database: TestDatabase;
let folder: string;
let repository: string;

beforeEach(async () => {
  database = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  folder = await temporaryFolder();
  repository = path.join(folder, 'repository');
});

const create = (args: string[] = [], env: Record<string, string | undefined> = {}) =>
  potctl(['backup', 'create', '--repository', repository, '--json', ...args], {
    env: { PGDATABASE: database.name, ...env },
  });

/** What every refusal must be: the exit code, the cause, nothing on stdout, nothing listed. */
async function expectRefusal(ran: Awaited<ReturnType<typeof create>>, exitCode: number, code: string): Promise<void> {
  expect({ exitCode: ran.exitCode, stdout: ran.stdout }).toEqual({ exitCode, stdout: '' });
  const line = ran.stderr.trim().split('\n').at(-1)!;
  expect(JSON.parse(line).error).toMatchObject({ code, changed: 'nothing' });
  const left = await readdir(path.join(repository, 'backups')).catch(() => []);
  expect(left).toEqual([]);
}

describe('backup create refuses, and leaves nothing behind', () => {
  test('an unreachable server', async () => {
    await expectRefusal(await create([], { PGHOST: '/tmp/potctl-nowhere' }), 16, 'E_DB_UNREACHABLE');
    await expectRefusal(await create([], { PGHOST: '127.0.0.1', PGPORT: '1' }), 16, 'E_DB_UNREACHABLE');
  });

  test('an unknown database', async () => {
    await expectRefusal(await create([], { PGDATABASE: `${database.name}_x` }), 10, 'E_DATABASE_NOT_FOUND');
  });

  test('a table that the role may not read, by name', async () => {
    const role = `reader_${database.name}`;
    await database.query(`create role ${quote(role)} login`);
    const ran = await create([], { PGUSER: role });
    await expectRefusal(ran, 12, 'E_DB_DENIED');
    expect(ran.stderr).toMatch(/public\W+t/);
    await database.query(`drop role ${quote(role)}`);
  });

  test('rows hidden from the owner by forced row level security', async () => {
    const role = `owner_${database.name}`;
    await database.query(`create role ${quote(role)} login; alter table t owner to ${quote(role)};
      alter table t enable row level security; alter table t force row level security;
      create policy p on t using (i < 5)`);
    await expectRefusal(await create([], { PGUSER: role }), 12, 'E_DB_DENIED');
    await database.query(`alter table t owner to current_user; drop role ${quote(role)}`);
  });

  test('no pg_dump anywhere', async () => {
    const ran = await create([], { POTCTL_PG_BINDIR: '/nonexistent' });
    await expectRefusal(ran, 17, 'E_TOOL_MISSING');
  });

  test('files that are missing, not a directory, or contain the repository', async () => {
    await expectRefusal(await create(['--files', path.join(folder, 'nowhere')]), 17, 'E_FILES_MISSING');
    await writeFile(path.join(folder, 'file'), 'x');
    await expectRefusal(await create(['--files', path.join(folder, 'file')]), 17, 'E_FILES_MISSING');
    await expectRefusal(await create(['--files', folder]), 30, 'E_REFUSED');
  });

  test('contradicting and malformed flags', async () => {
    await expectRefusal(await create(['--jobs', '0']), 2, 'E_USAGE');
    await expectRefusal(await create(['--only', 'tables']), 2, 'E_USAGE');
    await expectRefusal(await create(['--label', 'nameless']), 2, 'E_USAGE');
    await expectRefusal(await create(['--label', 'a=1', '--label', 'a=2']), 2, 'E_USAGE');
    await expectRefusal(await create(['--only', 'files']), 15, 'E_CONFIG');
    await expectRefusal(await create(['--fils', 'x']), 2, 'E_USAGE');
  });
});

test('a table locked by a migration causes a clear error instead of waiting forever', async () => {
  await inMaintenance(async () => {
    await database.query('begin; lock table t in access exclusive mode');
    const ran = await create(['--lock-wait-timeout', '1s']);
    await expectRefusal(ran, 11, 'E_DB_LOCKED');
    await database.query('rollback');
  });
});
