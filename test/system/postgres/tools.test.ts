import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { dumpDatabase } from '../../../src/dump/dump.js';
import { readToc } from '../../../src/dump/toc.js';
import { Secret } from '../../../src/kernel/secret.js';
import { findTools } from '../../../src/postgres/tools.js';
import { freshDatabase } from '../../support/database.js';
import { dumpRequest } from '../../support/dump-request.js';
import { inSuperSession, startGuardedCluster } from '../../support/guarded-cluster.js';
import { openTestServer } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';

const signal = new AbortController().signal;

test('the newest tools are used, and all come from one directory', async () => {
  const { name } = await freshDatabase();
  const [old, middle, newest] = [await toolsOf('14.9'), await toolsOf('98.1'), await toolsOf('98.10')];
  const server = openTestServer(name, { toolDirectories: [middle, newest, old, '/no/such/directory'] });

  expect(await server.tool('pg_dump')).toEqual({ path: path.join(newest, 'pg_dump'), version: '98.10', major: 98 });
  expect((await server.tool('psql')).path).toBe(path.join(newest, 'psql'));
});

test('a tool next to pg_dump that belongs to another package is asked for its version', async () => {
  const { name } = await freshDatabase();
  const folder = await toolsOf('98.9');
  await rm(path.join(folder, 'psql'));
  await symlink(path.join(await toolsOf('98.7'), 'psql'), path.join(folder, 'psql'));
  const server = openTestServer(name, { toolDirectories: [folder] });

  expect(await server.tool('pg_dump')).toMatchObject({ version: '98.9' });
  expect(await server.tool('psql')).toMatchObject({ version: '98.7' });
});

test('tools older than the server are refused, with a list of what was found', async () => {
  const { name } = await freshDatabase();
  const server = openTestServer(name, { toolDirectories: [await toolsOf('9.6.24')] });

  await expect(server.tool('pg_dump')).rejects.toMatchObject({
    code: 'E_TOOL_OLD',
    why: expect.stringContaining('9.6.24'),
  });
});

test('without any tools, the error says where potctl searched and how to install them', async () => {
  const { name } = await freshDatabase();
  const server = openTestServer(name, { toolDirectories: ['/no/such/directory'] });

  await expect(server.tool('pg_dump')).rejects.toMatchObject({
    code: 'E_TOOL_MISSING',
    why: expect.stringContaining('/no/such/directory'),
    fix: expect.arrayContaining([expect.stringContaining('apt install')]),
  });
});

test('Debian’s pg_wrapper is never used, because it chooses a version of its own', async () => {
  const { name } = await freshDatabase();
  const folder = await temporaryFolder();
  await toolsOf('99.0', path.join(folder, 'real'));
  await symlink(path.join(folder, 'real', 'pg_dump'), path.join(folder, 'pg_wrapper'));
  await writeFile(path.join(folder, 'real', 'pg_wrapper'), '#!/bin/sh\necho "pg_dump (PostgreSQL) 99.0"\n', {
    mode: 0o755,
  });
  await mkdir(path.join(folder, 'bin'));
  await symlink(path.join(folder, 'real', 'pg_wrapper'), path.join(folder, 'bin', 'pg_dump'));
  const server = openTestServer(name, { toolDirectories: [path.join(folder, 'bin'), inject('postgres').binaries] });

  expect((await server.tool('pg_dump')).path).toBe(path.join(inject('postgres').binaries, 'pg_dump'));
});

test('tools are found without configuration', async () => {
  const environment = { PATH: `${process.env['PATH']}:${inject('postgres').binaries}` };

  const [newest, ...older] = await findTools({ environment });

  expect(newest?.major).toBeGreaterThan(9);
  expect(older.every(({ major }) => major <= newest!.major)).toBe(true);
});

test('the list of a dump has all its entries, and the tables by their oids', async () => {
  const { name, query } = await freshDatabase({ schema: 'all-objects' });
  const request = await dumpRequest();
  const server = openTestServer(name);
  const { part } = await dumpDatabase(server, request);

  const toc = await readToc(server, path.join(request.folder, part.backup_file));

  const oids = toc.filter(({ desc }) => desc === 'TABLE DATA').map(({ oid }) => oid);
  expect(toc).toHaveLength(part.inventory.toc_entries);
  expect(oids).toHaveLength(part.inventory.tables.length);
  expect(await query(`select from pg_class where relkind = 'r' and oid = any ($1)`, [oids])).toHaveLength(oids.length);
  await expect(readToc(server, request.folder)).rejects.toMatchObject({ code: 'E_TOOL_FAILED' });
});

test('the password reaches the tools in a 0600 file that is removed afterwards, never in argv or environment', async () => {
  const cluster = await startGuardedCluster('off');
  onTestFinished(() => cluster.stop());
  await inSuperSession(cluster.socketDirectory, cluster.port, async (client) => {
    await client.query('create table t as select generate_series(1, 200000) as id; grant select on t to "both"');
  });
  const runtimeDirectory = mkdtempSync(path.join(os.tmpdir(), 'potctl-run-'));
  onTestFinished(() => rmSync(runtimeDirectory, { recursive: true, force: true }));
  const environment = { PATH: process.env['PATH'] ?? '', PGPASSWORD: 'must not be used' };
  const change = { host: '127.0.0.1', port: cluster.port, user: 'both', password: new Secret(cluster.password) };
  const server = openTestServer('postgres', { runtimeDirectory, environment }, change);
  const seen = watchProcesses('potctl:', cluster.password);

  await dumpDatabase(server, await dumpRequest());
  const [file] = readdirSync(runtimeDirectory);
  const mode = statSync(path.join(runtimeDirectory, file!)).mode & 0o777;
  await server.close();

  expect(mode).toBe(0o600);
  expect(readdirSync(runtimeDirectory)).toEqual([]);
  const { samples, leaks } = seen();
  expect(samples).toBeGreaterThan(3);
  expect(leaks).toEqual([]);
});

test('passfiles of dead processes are removed, those of live ones are not', async () => {
  const { name } = await freshDatabase();
  const runtimeDirectory = await temporaryFolder();
  const pid = Number(execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }));
  const start = readFileSync(`/proc/${process.pid}/stat`, 'latin1').split(') ')[1]!.split(' ')[19];
  const [dead, fresh, mine] = [
    `pgpass-${pid}-123-0123456789ab`,
    `pgpass-${pid}-124-0123456789ab`,
    `pgpass-${process.pid}-${start}-0123456789ab`,
  ];
  for (const file of [dead!, fresh!, mine!]) writeFileSync(path.join(runtimeDirectory, file), 'x');
  for (const file of [dead!, mine!]) utimesSync(path.join(runtimeDirectory, file), 1_000, 1_000);
  const server = openTestServer(name, { runtimeDirectory }, { password: new Secret('unused') });

  await server.runTool('psql', ['--command', 'select 1'], { database: name, signal });

  expect(existsSync(path.join(runtimeDirectory, dead!))).toBe(false);
  expect(existsSync(path.join(runtimeDirectory, fresh!))).toBe(true);
  expect(existsSync(path.join(runtimeDirectory, mine!))).toBe(true);
});

/** Programs that only print their version. */
async function toolsOf(version: string, directory?: string): Promise<string> {
  const folder = directory ?? (await temporaryFolder());
  await mkdir(folder, { recursive: true });
  for (const name of ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql']) {
    await writeFile(
      path.join(folder, name),
      `#!/bin/sh\necho "${name} (PostgreSQL) ${version} (Debian ${version}-1)"\n`,
    );
    await chmod(path.join(folder, name), 0o755);
  }
  return folder;
}

/** Records argv and environment of our children until the returned function is called. */
function watchProcesses(marker: string, canary: string): () => { samples: number; leaks: string[] } {
  const leaks: string[] = [];
  let samples = 0;
  const timer = setInterval(() => {
    for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        if (!environment.includes(`PGAPPNAME=${marker}`)) continue;
        samples += 1;
        const all = environment + readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        if (all.includes(canary) || all.includes('PGPASSWORD')) leaks.push(all);
      } catch {
        // The child has ended in the meantime.
      }
    }
  }, 5);
  return () => {
    clearInterval(timer);
    return { samples, leaks };
  };
}
