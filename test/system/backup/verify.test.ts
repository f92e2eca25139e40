import { chmod, cp, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';

/** Two backups of one database and tree, made once; each test damages a copy. */
let database: TestDatabase;
let source: string;
const ids: string[] = [];

beforeAll(async () => {
  database = await freshDatabase({
    dropAfterTest: false,
    schema: `create table letters as select i, md5(i::text) as text from generate_series(1, 5000) i;
             create table numbers as select i from generate_series(1, 3000) i;`,
  });
  source = await mkdtemp(path.join(os.tmpdir(), 'potctl-test-'));
  await makeTree({ 'a.txt': 'alpha', sub: { 'b.bin': Buffer.alloc(70_000, 7) } }, path.join(source, 'files'));
  for (let round = 0; round < 2; round += 1) {
    await database.query('insert into letters values ($1, $2)', [round, 'more']);
    const made = await potctl(
      ['backup', 'create', '--files', path.join(source, 'files'), '--repository', path.join(source, 'repository')],
      { env: { PGDATABASE: database.name } },
    );
    expect(made).toMatchObject({ exitCode: 0 });
    ids.push(made.stdout.trim());
  }
}, 120_000);
afterAll(async () => {
  await database.drop();
  await rm(source, { recursive: true, force: true });
});

async function copiedRepository(): Promise<{ repository: string; backup: string }> {
  const repository = path.join(await temporaryFolder(), 'repository');
  await cp(path.join(source, 'repository'), repository, { recursive: true });
  return { repository, backup: path.join(repository, 'backups', ids[0]!) };
}

async function writable(file: string): Promise<string> {
  await chmod(path.dirname(file), 0o700);
  await chmod(file, 0o600);
  return file;
}

async function largestMember(backup: string): Promise<string> {
  const folder = path.join(backup, 'db/dump');
  const names = (await readdir(folder)).filter((name) => name.includes('.dat'));
  const sized = await Promise.all(
    names.map(async (name) => ({ name, size: (await stat(path.join(folder, name))).size })),
  );
  return path.join(folder, sized.sort((a, b) => b.size - a.size)[0]!.name);
}

async function archiveOf(backup: string): Promise<string> {
  return path.join(backup, (await readdir(backup)).find((name) => name.startsWith('files.tar'))!);
}

async function flip(file: string): Promise<void> {
  const bytes = await readFile(await writable(file));
  bytes[Math.floor(bytes.length / 2)]! ^= 0x40;
  await writeFile(file, bytes);
}

const damages: Record<string, (backup: string, other: string) => Promise<string>> = {
  'a dump member that was cut': async (backup) => {
    const file = await writable(await largestMember(backup));
    await truncate(file, 100);
    return path.basename(file);
  },
  'a flipped byte in a dump member': async (backup) => {
    const file = await largestMember(backup);
    await flip(file);
    return path.basename(file);
  },
  'an emptied dump member': async (backup) => {
    const file = await writable(await largestMember(backup));
    await truncate(file, 0);
    return path.basename(file);
  },
  'a deleted dump member': async (backup) => {
    const file = await writable(await largestMember(backup));
    await rm(file);
    return path.basename(file);
  },
  'two swapped members': async (backup) => {
    const folder = path.join(backup, 'db/dump');
    await chmod(folder, 0o700);
    const [one, two] = (await readdir(folder)).filter((name) => name.includes('.dat')).sort();
    await rename(path.join(folder, one!), path.join(folder, 'x'));
    await rename(path.join(folder, two!), path.join(folder, one!));
    await rename(path.join(folder, 'x'), path.join(folder, two!));
    return one!;
  },
  'the member of another backup': async (backup, other) => {
    const file = await writable(await largestMember(backup));
    await rm(file);
    await cp(await largestMember(other), file);
    return path.basename(file);
  },
  'a cut table of contents': async (backup) => {
    const file = await writable(path.join(backup, 'db/dump/toc.dat'));
    await truncate(file, 300);
    return 'toc.dat';
  },
  'a cut archive': async (backup) => {
    const file = await writable(await archiveOf(backup));
    await truncate(file, Math.floor((await stat(file)).size / 2));
    return path.basename(file);
  },
  'a flipped byte in the archive': async (backup) => {
    const file = await archiveOf(backup);
    await flip(file);
    return path.basename(file);
  },
  'the deleted list of the globals': async (backup) => {
    await rm(await writable(path.join(backup, 'db/globals.sql')));
    return 'globals.sql';
  },
};

describe.each(['quick', 'full'])('backup verify --level %s', (level) => {
  test('passes every good backup and records the result in its history', async () => {
    const { repository, backup } = await copiedRepository();
    const verified = await potctl(['backup', 'verify', ids[0]!, '--level', level, '--repository', repository]);
    expect(verified).toMatchObject({ exitCode: 0 });
    const events = (await readFile(path.join(backup, 'events.ndjson'), 'utf8')).trim().split('\n');
    expect(JSON.parse(events.at(-1)!)).toMatchObject({ type: 'verify', level, ok: true });
  });

  test.each(Object.entries(damages))('finds and names %s', async (_, damage) => {
    const { repository, backup } = await copiedRepository();
    const name = await damage(backup, path.join(repository, 'backups', ids[1]!));
    const verified = await potctl(['backup', 'verify', ids[0]!, '--level', level, '--repository', repository]);
    expect(verified.exitCode).toBe(20);
    expect(verified.stdout).toContain(name);
    expect(verified.stderr).toContain('E_BACKUP_CORRUPT');
    expect(verified.stderr).toContain(`potctl backup list --repository ${repository}`);
  });
});

test('a damaged manifest is an integrity error, and the backup is still listed', async () => {
  const { repository, backup } = await copiedRepository();
  await truncate(await writable(path.join(backup, 'manifest.json')), 500);
  expect(await potctl(['backup', 'verify', ids[0]!, '--repository', repository])).toMatchObject({ exitCode: 20 });
  const listed = await potctl(['backup', 'list', '--repository', repository, '--json'], {
    env: { PGDATABASE: database.name },
  });
  expect(JSON.parse(listed.stdout).items.find(({ id }: { id: string }) => id === ids[0])).toMatchObject({
    status: 'damaged',
  });
});
