import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { freshDatabase } from '../../support/database.js';
import { inSuperSession, startGuardedCluster } from '../../support/guarded-cluster.js';
import { type MfaSite, mfaSite, WHY } from '../../support/mfa.js';
import { POTCTL } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';

let site: MfaSite;
beforeAll(async () => {
  site = await mfaSite('3dpot', { keep: true });
});
afterAll(() => site.remove());

const place = (): string => `--config ${site.config} -p test`;

test('proposed commands work in the same place, even after an error', async () => {
  const who = await site.seed();
  const enroll = ['enroll', who.id, ...WHY, '--confirm', who.name, '--secret-to', path.join(site.folder, 'secret')];
  expect((await site.mfa(enroll)).stderr).toContain(`Next:  potctl mfa confirm ${who.name} ${place()}`);
  await site.enable(who);
  const { error } = await site.json([...enroll.slice(0, -1), path.join(site.folder, 'other')]);
  expect(error.fix[0]).toBe(`To replace it: \`potctl mfa reset ${who.name} ${place()}\`, then enroll.`);
});

test('a name with shell syntax is never proposed: the id is used instead', async () => {
  const name = '$(touch /tmp/pwned); x';
  const who = await site.seed();
  await site.database.query('update users set username = $2 where id = $1', [who.id, name]);
  const secret = path.join(site.folder, 'third');
  const { stderr } = await site.mfa(['enroll', who.id, ...WHY, '--confirm', name, '--secret-to', secret]);
  expect(stderr).toContain(`Next:  potctl mfa confirm ${who.id} ${place()}`);
  const reset = await site.mfa(['reset', who.id, ...WHY, '--confirm', name]);
  expect(reset.stderr).toContain(`\`potctl mfa enroll ${who.id} ${place()}\``);
});

/** Pastes a line into a shell that only knows where potctl and its state are. */
function paste(line: string, cwd: string): { readonly status: number | null; readonly out: string } {
  const { binaries } = inject('postgres');
  const wrapper = path.join(cwd, 'bin', 'potctl');
  mkdirSync(path.dirname(wrapper), { recursive: true });
  writeFileSync(wrapper, `#!/bin/sh\nexec ${process.execPath} ${POTCTL} "$@"\n`, { mode: 0o755 });
  const env = {
    PATH: `${path.dirname(wrapper)}:${binaries}:${process.env['PATH']}`,
    ...{ HOME: '/nonexistent', XDG_STATE_HOME: inject('state') },
  };
  const { status, stdout, stderr } = spawnSync('bash', ['-c', line], { cwd, env, encoding: 'utf8' });
  return { status, out: stdout + stderr };
}

/** The command line after a text on the screen. */
const proposed = (screen: string, behind: RegExp): string =>
  new RegExp(`${behind.source}[^\\n]*?((?:[A-Z]+=\\S+ )*potctl [^\`\\n]+?)(?:\`|   |$)`, 'm').exec(screen)?.[1] ??
  '(none)';

test('from plan to undo, each proposed command works when pasted: variables, files and repository are included', async () => {
  const { name, query, client } = await freshDatabase({ schema: 'create table t as select 1 as i' });
  const cwd = await temporaryFolder();
  await makeTree({ 'a b.txt': 'old' }, path.join(cwd, 'my files'));
  const where = ['--files', 'my files', '--repository', 'my backups'];
  const run = (...args: string[]) => potctl([...args, ...where], { cwd, env: { PGDATABASE: name } });
  expect((await run('backup', 'create')).exitCode).toBe(0);
  await query('insert into t values (2)');
  await client.end();
  writeFileSync(path.join(cwd, 'my files', 'a b.txt'), 'new');
  const state = () => [rowsIn(name), readFileSync(path.join(cwd, 'my files', 'a b.txt'), 'utf8')];

  const plan = await run('restore', 'plan', 'latest');
  const restore = proposed(plan.stdout + plan.stderr, /To restore it: {2}/);
  const asked = paste(restore, cwd);
  expect(asked.status, restore + asked.out).toBe(30);
  const confirmed = proposed(asked.out, /Do: +/);
  const restored = paste(confirmed, cwd);
  expect(restored.status, confirmed + restored.out).toBe(0);
  expect(state()).toEqual(['1', 'old']);

  const undo = paste(proposed(restored.out, /To undo it \(until /), cwd);
  expect(undo.status, undo.out).toBe(30);
  const undone = paste(proposed(undo.out, /Do: +/), cwd);
  expect(undone.status, undone.out).toBe(0);
  expect(state()).toEqual(['2', 'new']);
}, 120_000);

function rowsIn(database: string): string {
  const { host, port, user, binaries } = inject('postgres');
  const args = ['-h', host, '-p', String(port), '-U', user, '-d', database, '-Atc', 'select count(*) from t'];
  return execFileSync(path.join(binaries, 'psql'), args, { encoding: 'utf8' }).trim();
}

test('a fix that is only a flag is printed as the whole command with that flag', async () => {
  const [one, other] = [await freshDatabase(), await freshDatabase()];
  const cwd = await temporaryFolder();
  const run = (database: string, ...args: string[]) =>
    potctl([...args, '--repository', 'r'], { cwd, env: { PGDATABASE: database } });
  expect((await run(other.name, 'backup', 'create', '--only', 'db')).exitCode).toBe(0);
  const shown = await run(one.name, 'restore', 'plan');
  const line = proposed(shown.stderr, /To use another series: /);
  expect(line, shown.stderr).toMatch(/potctl restore plan --repository r --from-series /);
  const plan = paste(line, cwd);
  expect(plan, line).toMatchObject({ status: 0 });
  expect(plan.out).toMatch(/potctl restore run \S+Z-\w+ --repository r --from-series /);
});

test('who cannot log in to a cluster with the distribution’s defaults is told how, by doctor too', async () => {
  const cluster = await startGuardedCluster('off');
  onTestFinished(() => cluster.stop());
  await inSuperSession(cluster.socketDirectory, cluster.port, async (client) => {
    const { rows } = await client.query<{ file: string }>(`select current_setting('hba_file') as file`);
    writeFileSync(rows[0]!.file, 'local all postgres trust\nlocal all all peer\n');
    await client.query('create role somebody login');
    await client.query('select pg_reload_conf()');
    await client.query('select pg_sleep(0.3)');
  });
  const place = { PGHOST: cluster.socketDirectory, PGPORT: String(cluster.port), PGDATABASE: 'postgres' };
  const me = os.userInfo().username;
  const { PGHOST, PGPORT } = place;
  for (const [user, sudo] of [
    [me, `sudo -u postgres PGUSER=postgres PGHOST=${PGHOST} PGPORT=${PGPORT}`],
    ['somebody', `sudo -u somebody PGHOST=${PGHOST} PGPORT=${PGPORT} PGUSER=somebody`],
  ] as const) {
    const env = { ...place, PGUSER: user };
    const front = `\`${sudo} PGDATABASE=postgres potctl`;
    const doctor = await potctl(['doctor'], { env });
    expect(doctor.stderr).toContain(`${front} doctor\``);
    const created = await potctl(['backup', 'create', '--only', 'db', '--repository', '/tmp/r'], { env });
    expect(created).toMatchObject({ exitCode: 12 });
    expect(created.stderr).toContain(`${front} backup create --only db --repository /tmp/r\``);
  }
});

test('a monitor reads the state from the first line of stdout, and unknown if nothing could be checked', async () => {
  const check = ['check', '--exit', 'nagios'];
  const told = await site.mfa(check);
  expect(told.exitCode).toBe(3);
  expect(told.stdout).toMatch(/^MFA UNKNOWN - .*sec\.unrecorded UNKNOWN/);
  const next = told.stderr.split('\n').filter((line) => line.startsWith('Next: '));
  expect([...new Set(next)]).toEqual(next);
  await potctl(['setup', '--guard-writes', '--yes'], { env: { PGDATABASE: site.database.name } });
  const looked = await site.mfa(check);
  expect(looked.exitCode).toBe(1);
  expect(looked.stdout).toMatch(/^MFA WARN - .*sec\.weak_codes WARN/);
  expect(looked.stdout).toMatch(/\nWARN: \d+ rules checked on '3dpot': \d+ warnings?\n$/);
  const blind = await site.mfa(check, { env: { PGHOST: '/nonexistent' } });
  expect(blind.exitCode).toBe(3);
  expect(blind.stdout).toMatch(/^UNKNOWN - cannot reach .*\n$/);
  expect(await site.mfa([...check, '--json'], { env: { PGHOST: '/nonexistent' } })).toMatchObject({
    ...{ exitCode: 3, stdout: '' },
  });
});
