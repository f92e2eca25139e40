import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, freshDatabase, inMaintenance, quote, type TestDatabase } from '../../support/database.js';
import { removeFolder, scratchFolder } from '../../support/file-tree.js';
import { cleanEnvironment, potctl, type Ran } from '../../support/run-cli.js';
import { casesOfThisRun } from '../../support/sweep.js';
import { makeTree } from '../../support/tree.js';

type Name = 'create' | 'prune' | 'pin' | 'import' | 'restore' | 'undo' | 'verify';
const CHANGING: readonly Name[] = ['create', 'prune', 'pin', 'import', 'restore', 'undo'];

const SWAPS: readonly Name[] = ['restore', 'undo'];

/** Each with each, itself included; and a verify beside what takes backups away. */
const ALL: readonly (readonly [Name, Name])[] = [
  ['verify', 'prune'],
  ...CHANGING.flatMap((one, at) => CHANGING.slice(at).map((other) => [one, other] as const)),
];

const IN_EVERY_RUN = ['verify prune', 'create create', 'create prune', 'pin import', 'prune restore', 'undo undo'];
const PAIRS = casesOfThisRun(ALL, (pair) => IN_EVERY_RUN.includes(pair.join(' ')));

let database: TestDatabase;
let folder: string;
let repository: string;
let tree: string;
beforeAll(async () => {
  database = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i', dropAfterTest: false });
  folder = scratchFolder();
  repository = path.join(folder, 'backups');
  tree = await makeTree({ 'a.txt': 'alpha' }, path.join(folder, 'storage'));
  for (let made = 0; made < 3; made += 1) expect((await run('create')).exitCode).toBe(0);
  await database.query('delete from t where i > 1');
  writeFileSync(path.join(tree, 'a.txt'), 'changed');
  await database.client.end();
  plantForeign();
  for (const name of ['create', 'restore'] as const) expect((await run(name)).exitCode).toBe(0);
}, 120_000);
afterAll(async () => {
  await database.drop();
  removeFolder(folder);
});

const foreign = () => ({ dump: path.join(folder, 'app.dump'), archive: path.join(folder, 'storage.tar') });

/** What another program would have left of the database and its tree. */
function plantForeign(): void {
  const { dump, archive } = foreign();
  execFileSync('pg_dump', ['-Fc', '-f', dump, database.name], { env: cleanEnvironment() });
  execFileSync('tar', ['-C', tree, '-cf', archive, '.']);
}

function run(name: Name, ...more: string[]): Promise<Ran> {
  const files = ['--files', tree];
  const { dump, archive } = foreign();
  const lines: Record<Name, readonly string[]> = {
    create: ['backup', 'create', ...files],
    prune: ['backup', 'prune', '--all-series', '--keep-last', '3', '--yes'],
    pin: ['backup', 'pin', 'latest', '--reason', 'a pair'],
    import: ['backup', 'import', dump, '--tree', archive, '--database-name', database.name, '--yes'],
    restore: ['restore', 'run', 'latest~1', ...files, '--confirm', database.name],
    undo: ['restore', 'undo', ...files, '--confirm', database.name],
    verify: ['backup', 'verify', 'latest~3', '--level', 'full'],
  };
  const env = { PGDATABASE: database.name };
  return potctl([...lines[name], '--repository', repository, ...more], { env });
}

/** `10 alpha` is what the first backups hold, `1 changed` what the later ones do; never a mixture. */
async function live(): Promise<string> {
  const client = await connect(database.name);
  try {
    const { rows } = await client.query<{ n: number }>('select count(*)::int as n from t');
    return `${rows[0]?.n} ${readFileSync(path.join(tree, 'a.txt'), 'utf8')}`;
  } finally {
    await client.end();
  }
}

async function leftovers(): Promise<string[]> {
  const sql = 'select datname from pg_database where starts_with(datname, $1)';
  const staged = await inMaintenance((client) => client.query(sql, [`${database.name}_restore_`]));
  const names = [...(await readdir(repository, { recursive: true })), ...(await readdir(tree))];
  const unfinished = names.filter((name) => /\.partial|tombstone|potctl\.lock|\.tmp$|\.potctl-restore-/.test(name));
  return [...staged.rows.map(({ datname }) => quote(datname)), ...unfinished];
}

test.each(PAIRS)(
  '%s during %s: they run one after the other or one is refused, and the state is consistent afterwards',
  async (one, other) => {
    const waiting = one === 'verify' ? [] : ['--wait', '60s'];
    const [first, second] = await Promise.all([run(one, ...waiting), run(other)]);

    const codes = [first.exitCode, second.exitCode];
    const said = [...codes, first.stderr.slice(-600), second.stderr.slice(-600)];
    // 30: a restore or undo whose database was swapped under its plan; what a person confirmed does not hold any more.
    const stale = SWAPS.includes(one) && SWAPS.includes(other) ? [30] : [];
    // 16: a swap ended the connection of whoever was just looking at the database; nothing was changed.
    if (SWAPS.includes(one) || SWAPS.includes(other)) stale.push(16);
    // 10: what should be verified was gone before.
    if (one === 'verify') stale.push(10);
    // 10: the plan of an undo looked while the other undo moved what was kept.
    if (one === 'undo' && other === 'undo') stale.push(10);
    expect([said, [0, ...stale].includes(codes[0] ?? -1)]).toEqual([said, true]);
    expect([said, [0, 11, ...stale].includes(codes[1] ?? -1)]).toEqual([said, true]);
    expect([said, codes.includes(0)]).toEqual([said, true]);
    expect(['10 alpha', '1 changed']).toContain(await live());
    expect(await leftovers()).toEqual([]);
    const list = await potctl(['backup', 'list', '--json', '--repository', repository]);
    const { items } = JSON.parse(list.stdout) as { items: { id: string; status: string }[] };
    expect(items.map(({ status }) => status)).toEqual(items.map(() => 'complete'));
    expect(items.length).toBeGreaterThan(2);
  },
);

test('every remaining backup passes a full verification afterwards', async () => {
  for (const id of await readdir(path.join(repository, 'backups'))) {
    const verified = await potctl(['backup', 'verify', id, '--level', 'full', '--repository', repository]);
    expect([id, verified.exitCode, verified.stderr]).toMatchObject([id, 0, expect.any(String)]);
  }
});
