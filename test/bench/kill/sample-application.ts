import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { memoryFolder, photograph, plantTree, removeFolder } from '../../support/file-tree.js';
import { type BenchServer, createServer } from '../server.js';

/** `old` is what is live, `new` what the only backup holds, `-` a database or a tree that is not there; anything else is a broken promise. */
export type Letter = 'old' | 'new' | '-' | 'mixed';

/** A tiny application: a database `app`, its tree, and a repository with one backup; reset to the same state before each kill. */
export interface SampleApplication {
  readonly server: BenchServer;
  readonly folder: string;
  readonly tree: string;
  readonly repository: string;
  readonly environment: Readonly<Record<string, string>>;
  reset(): Promise<void>;
  /** Which of the two states the live database and every kept one is in. */
  databases(): Promise<ReadonlyMap<string, Letter>>;
  /** The same for the live tree (key `live`) and every kept one. */
  trees(): ReadonlyMap<string, Letter>;
  destroy(): Promise<void>;
}

export const DATABASE = 'app';
/** How much there is of everything: long enough to be hit at work. */
export interface SampleSize {
  readonly tables: number;
  readonly rows: number;
  readonly files: number;
  /** Of one large file. */
  readonly bytes: number;
}
const SIZE: SampleSize = { tables: 12, rows: 400, files: 60, bytes: 2_000_000 };
/** Large enough for everything that is only done for large trees. */
export const LARGE: SampleSize = { ...SIZE, bytes: 20_000_000 };
const PRISTINE = 'pristine';
const SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off' };

/**
 * Makes it, in memory where that is possible: a kill is no power cut, and the disk would only take time. `backUp` is called while
 * the state `new` is live, and must leave a backup in the repository.
 */
export async function createSampleApplication(
  backUp: (sample: SampleApplication) => Promise<void>,
  size = SIZE,
): Promise<SampleApplication> {
  const folder = memoryFolder();
  fs.chmodSync(folder, 0o711);
  const server = await createServer(SETTINGS, folder);
  const known = new Map<string, Letter>();
  const sample = makeSample(server, folder, known, size);
  try {
    await plantSeeds(sample, known, size);
    await backUp(sample);
    fs.renameSync(sample.repository, path.join(folder, PRISTINE));
    return sample;
  } catch (error) {
    await sample.destroy();
    throw error;
  }
}

function makeSample(
  server: BenchServer,
  folder: string,
  known: ReadonlyMap<string, Letter>,
  size: SampleSize,
): SampleApplication {
  const [tree, repository] = [path.join(folder, 'storage'), path.join(folder, 'backups')];
  const own = { HOME: folder, TZ: 'UTC', PGDATABASE: DATABASE, XDG_STATE_HOME: path.join(folder, 'state') };
  return {
    server,
    folder,
    tree,
    repository,
    environment: { ...server.environment, ...own },
    reset: async () => {
      await dropDatabases(server);
      await server.query(`create database ${DATABASE} template seed_old ${await byFiles(server)}`);
      for (const gone of [tree, repository]) removeFolder(gone);
      plant(tree, 'old', size);
      fs.cpSync(path.join(folder, PRISTINE), repository, { recursive: true, preserveTimestamps: true });
    },
    databases: () => databasesOf(server, known),
    trees: () => treesOf(tree, known),
    destroy: async () => {
      await server.destroy();
      removeFolder(folder);
    },
  };
}

/** Logging every page of the copy takes three times as long; before version 15 nobody did. */
async function byFiles(server: BenchServer): Promise<string> {
  const sql = `select current_setting('server_version_num')::int >= 150000 as chooses`;
  const [row] = await server.query<{ chooses: boolean }>(sql);
  return row?.chooses ? 'strategy file_copy' : '';
}

/** Learns what both states look like, and leaves `new` live. */
async function plantSeeds(
  { server, tree }: SampleApplication,
  known: Map<string, Letter>,
  size: SampleSize,
): Promise<void> {
  for (const letter of ['old', 'new'] as const) {
    await server.query(`create database seed_${letter}`);
    await server.query(schema(letter, size), `seed_${letter}`);
    known.set(await fingerprint(server, `seed_${letter}`), letter);
    removeFolder(tree);
    plant(tree, letter, size);
    known.set(treeFingerprint(tree), letter);
  }
  await server.query(`create database ${DATABASE} template seed_new`);
}

function plant(tree: string, mark: string, { files, bytes }: SampleSize): void {
  fs.mkdirSync(tree);
  plantTree(
    tree,
    mark,
    Array.from({ length: files }, (_, n) => `model-${n}.stl`),
  );
  fs.writeFileSync(path.join(tree, 'large.bin'), Buffer.alloc(bytes, mark));
}

function schema(mark: string, { tables: count, rows }: SampleSize): string {
  const tables = Array.from(
    { length: count },
    (_, n) => `
    create table t${n} (id int primary key, body text not null);
    insert into t${n} select g, repeat(md5(g::text || '${mark}'), 8) from generate_series(1, ${rows}) g;
    create index on t${n} (body);`,
  );
  return `${tables.join('')} create table only_${mark} (id int primary key);
    alter table t1 add foreign key (id) references t0 (id);`;
}

async function dropDatabases(server: BenchServer): Promise<void> {
  const rows = await server.query<{ datname: string }>(
    `select datname from pg_database where datname = '${DATABASE}' or starts_with(datname, '${DATABASE}_')`,
  );
  for (const { datname } of rows) {
    await server.query(`alter database "${datname}" allow_connections true`);
    await server.query(`drop database "${datname}" with (force)`);
  }
}

async function databasesOf(server: BenchServer, known: ReadonlyMap<string, Letter>): Promise<Map<string, Letter>> {
  const rows = await server.query<{ datname: string }>(
    `select datname from pg_database where datname = '${DATABASE}' or starts_with(datname, '${DATABASE}_before_')`,
  );
  const found = new Map<string, Letter>([[DATABASE, '-']]);
  for (const { datname } of rows) {
    if (datname !== DATABASE) await server.query(`alter database "${datname}" allow_connections true`);
    found.set(datname, known.get(await fingerprint(server, datname)) ?? 'mixed');
  }
  return found;
}

async function fingerprint(server: BenchServer, database: string): Promise<string> {
  const client = await server.connect(database);
  const hash = createHash('sha256');
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`,
    );
    for (const { name } of tables) {
      const { rows } = await client.query(`select md5(string_agg(t::text, ',' order by id)) from ${name} t`);
      hash.update(JSON.stringify([name, rows]));
    }
    const { rows } = await client.query(
      `select conname from pg_constraint union select indexname from pg_indexes order by 1`,
    );
    return `db ${hash.update(JSON.stringify(rows)).digest('hex')}`;
  } finally {
    await client.end();
  }
}

function treesOf(tree: string, known: ReadonlyMap<string, Letter>): Map<string, Letter> {
  const letterOf = (folder: string): Letter =>
    fs.existsSync(folder) ? (known.get(treeFingerprint(folder)) ?? 'mixed') : '-';
  const kept = fs.existsSync(tree) ? fs.readdirSync(tree).filter((name) => name.startsWith('.potctl-before-')) : [];
  return new Map([
    ['live', letterOf(tree)] as const,
    ...kept.map((name) => [name, letterOf(path.join(tree, name))] as const),
  ]);
}

/** Names, modes and contents of everything below; the times of each planting differ. */
function treeFingerprint(folder: string): string {
  const lines = photograph(folder).filter((text) => !text.startsWith('. '));
  return `tree ${createHash('sha256')
    .update(lines.map((text) => text.replace(/ (\d+ \d+) \d+ /, ' $1 ')).join('\n'))
    .digest('hex')}`;
}
