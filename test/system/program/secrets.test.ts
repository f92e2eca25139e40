import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { potctl } from '../../support/run-cli.js';
import { temporaryFolder } from '../../support/tree.js';

const CANARY = 'c4nary/p@ss:word';

/** Command lines and environments of every process but this one that hold the canary, looked for until `stop`. */
function watchProcesses(): { stop(): { looks: number; hits: string[] } } {
  const hits = new Set<string>();
  let looks = 0;
  const look = () => {
    looks += 1;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
      for (const file of ['cmdline', 'environ']) {
        const text = readProc(`/proc/${pid}/${file}`);
        if (text.includes(CANARY) || text.includes(encodeURIComponent(CANARY)))
          hits.add(`${file}: ${readProc(`/proc/${pid}/cmdline`)}`);
      }
    }
  };
  const timer = setInterval(look, 10);
  return {
    stop() {
      clearInterval(timer);
      return { looks, hits: [...hits] };
    },
  };
}

function readProc(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** A role with the canary for a password, and a server that asks for it on this database only. */
async function guardedDatabase() {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 100000) i' });
  const role = `guarded_${database.name}`;
  await database.query(`create role ${quote(role)} login superuser password '${CANARY}'`);
  await inMaintenance(async (client) => {
    const { rows } = await client.query<{ hba_file: string }>('show hba_file');
    const before = await readFile(rows[0]!.hba_file, 'utf8');
    await writeFile(rows[0]!.hba_file, `local all ${role} scram-sha-256\n${before}`);
    await client.query('select pg_reload_conf()');
  });
  return { database, role };
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

test('a password is on no command line, in no environment of a child, in no output and in no artifact', async () => {
  const { database, role } = await guardedDatabase();
  const folder = await temporaryFolder();
  const passwordFile = path.join(folder, 'password');
  await writeFile(passwordFile, `${CANARY}\n`, { mode: 0o600 });
  const repository = path.join(folder, 'repository');
  const env = { PGDATABASE: database.name, PGUSER: role, POTCTL_DB_PASSWORD_FILE: passwordFile };

  const watch = watchProcesses();
  const made = await potctl(['backup', 'create', '--repository', repository, '--debug', '--log-format', 'json'], {
    env,
  });
  const restored = await potctl(
    ['restore', 'run', 'latest', '--repository', repository, '--confirm', database.name, '--debug'],
    { env },
  );
  const shown = await potctl(['config', 'show', '--origin'], { env });
  const { looks, hits } = watch.stop();

  expect(made).toMatchObject({ exitCode: 0 });
  expect(restored).toMatchObject({ exitCode: 0 });
  expect(looks).toBeGreaterThan(20);
  expect(hits).toEqual([]);
  for (const { stdout, stderr } of [made, restored, shown]) expect(stdout + stderr).not.toContain(CANARY);
  for (const file of await filesBelow(repository)) expect(await readFile(file, 'latin1'), file).not.toContain(CANARY);
});

test('a wrong password is an error that does not repeat it', async () => {
  const { database, role } = await guardedDatabase();
  const ran = await potctl(['backup', 'create', '--repository', path.join(await temporaryFolder(), 'r'), '--debug'], {
    env: { PGDATABASE: database.name, PGUSER: role, PGPASSWORD: `${CANARY}x` },
  });
  expect(ran.exitCode).toBe(12);
  expect(ran.stderr).toContain('E_DB_DENIED');
  expect(ran.stderr).not.toContain(CANARY);
});
