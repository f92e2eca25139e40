import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readManifest } from '../../../src/catalog/catalog.js';
import type { DatabasePart } from '../../../src/catalog/manifest.js';
import { parseToc } from '../../../src/dump/toc.js';
import { inSession } from '../../../src/postgres/in-session.js';
import { checkDatabase } from '../../../src/restore/database/check.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { openedAt } from '../../support/old-backups.js';
import { potctl } from '../../support/run-cli.js';
import { openTestServer } from '../../support/server.js';

/** More sequences than are compared by one statement. */
const SCHEMA = `
  create table t (i int primary key); insert into t values (1), (2);
  alter table t add constraint old check (i > 0) not valid;
  create table p (i int) partition by list (i);
  create table p1 partition of p for values in (1); insert into p values (1);
  create index by_i on only p (i);
  create sequence used; select setval('used', 7);
  create sequence untouched;
  do $$ begin for i in 1..100 loop execute format('create sequence first_%s', i); end loop; end $$;
  select lo_create(4711)`;

let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  database = await freshDatabase({ schema: SCHEMA, dropAfterTest: false });
  folder = await mkdtemp(path.join(os.tmpdir(), 'potctl-test-'));
  const made = await potctl(['backup', 'create', '--only', 'db', '--repository', path.join(folder, 'repository')], {
    env: { PGDATABASE: database.name },
  });
  expect(made, made.stderr).toMatchObject({ exitCode: 0 });
}, 120_000);
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

/** Names of what the checks find in a database that differs from its backup by this SQL; null: by none. */
async function findingsAfter(sql: string | null, change: (part: DatabasePart) => DatabasePart = (part) => part) {
  const server = openTestServer(database.name);
  const repository = await openedAt(path.join(folder, 'repository'));
  const [id] = await repository.list();
  const part = change((await readManifest(repository, id!)).database!);
  const dumped = path.join(await repository.artifacts(id!), part.backup_file);
  const signal = new AbortController().signal;
  const lines: string[] = [];
  const onStdoutLine = (line: string) => void lines.push(line);
  await server.runTool('pg_restore', ['--list', dumped], { database: database.name, signal, onStdoutLine });
  const request = { name: database.name, part, jobs: 1, signal, progress: () => {}, toc: parseToc(lines.join('\n')) };
  return inSession(server.session({ purpose: 'test' }), async (session) => {
    if (sql !== null) await session.query('begin');
    try {
      if (sql !== null) await session.query(sql);
      const dump = { server, folder: dumped, scratch: folder, signal };
      const { findings } = await checkDatabase(server, session, { ...request, dump });
      return findings.map(({ name, state }) => `${state} ${name}`);
    } finally {
      if (sql !== null) await session.query('rollback');
    }
  });
}

test('a restored database that is what was backed up passes every check', async () => {
  expect(await findingsAfter('select 1')).toEqual([]);
});

test.each([
  ['a missing row', 'delete from public.t where i = 1', ['fail rows:public.t']],
  [
    'a sequence that stands elsewhere',
    'alter sequence public.untouched restart with 5',
    ['fail sequence:public.untouched'],
  ],
  [
    'a sequence that would give its last value again',
    'alter sequence public.used restart with 7',
    ['fail sequence:public.used'],
  ],
  ['a missing large object', 'select pg_catalog.lo_unlink(4711)', ['fail large-objects']],
  ['a large object too many', 'select pg_catalog.lo_create(0)', ['fail large-objects']],
  [
    'an invalid index',
    `update pg_index set indisvalid = false where indexrelid = 'public.t_pkey'::regclass`,
    ['fail index:public.t_pkey'],
  ],
  [
    'a constraint that is not valid, although the dump makes it so',
    'alter table public.t add constraint later check (i < 9) not valid',
    ['fail constraint:public.t.later', 'fail constraint:public.t.old'],
  ],
])('after a restore %s is found and named', async (_, sql, expected) => {
  expect(await findingsAfter(sql)).toEqual(expected);
});

test('an imported dump says itself how many constraints it does not validate', async () => {
  const told = (not_valid: number) => (part: DatabasePart) => ({
    ...part,
    inventory: { ...part.inventory, not_valid },
  });
  expect(await findingsAfter('select 1', told(1))).toEqual([]);
  expect(await findingsAfter('select 1', told(0))).toEqual(['fail constraint:public.t.old']);
});

test('tables and sequences that cannot be looked at are findings, too', async () => {
  const gone = await findingsAfter(null, (part) => ({
    ...part,
    dump: { ...part.dump, format: 'plain' },
    inventory: {
      ...part.inventory,
      tables: [{ ...part.inventory.tables[0]!, table: 'gone' }],
      sequences: [{ ...part.inventory.sequences[0]!, name: 'gone' }],
    },
  }));
  expect(gone.map((name) => name.replaceAll('"', ''))).toEqual([
    'unknown rows:public.gone',
    'unknown sequence:public.gone',
  ]);
});
