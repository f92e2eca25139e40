import { readdirSync } from 'node:fs';
import path from 'node:path';
import { spawn } from '@lydell/node-pty';
import { expect, test } from 'vitest';
import { connect, freshDatabase } from '../support/database.js';
import { cleanEnvironment, POTCTL, potctl } from '../support/run-cli.js';
import { temporaryFolder } from '../support/tree.js';

interface Ended {
  readonly exitCode: number;
  readonly screen: string;
}

/** `potctl …` in a terminal that says it has 0 columns and 0 rows, as cron over `ssh -tt` and `docker exec -t` do. */
function withoutSize(
  args: readonly string[],
  env: Record<string, string>,
  onScreen: (screen: string, type: (keys: string) => void, pid: number) => void = () => {},
): Promise<Ended> {
  const command = `stty cols 0 rows 0; exec ${process.execPath} ${POTCTL} "$@"`;
  const pty = spawn('bash', ['-c', command, 'potctl', ...args], { env: { ...cleanEnvironment(env), TERM: 'xterm' } });
  let screen = '';
  pty.onData((data) => {
    screen += data;
    onScreen(screen, (keys) => pty.write(keys), pty.pid);
  });
  const timer = setTimeout(() => pty.kill('SIGKILL'), 50_000);
  return new Promise((resolve) => {
    pty.onExit(({ exitCode }) => {
      clearTimeout(timer);
      resolve({ exitCode, screen });
    });
  });
}

test('a backup is made in a terminal without a size, as anywhere else', async () => {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 1000) as n' });
  const repository = path.join(await temporaryFolder(), 'backups');
  const env = { PGDATABASE: database.name };
  const { exitCode, screen } = await withoutSize(['backup', 'create', '--repository', repository], env);
  expect(exitCode).toBe(0);
  expect(screen).toContain('is complete');
  expect(screen.length).toBeLessThan(20_000);
  expect(readdirSync(path.join(repository, 'backups'))).toHaveLength(1);
});

test.each([
  ['Ctrl-C', 130],
  ['SIGTERM', 143],
])('%s ends a backup there, and leaves the repository unlocked', async (how, status) => {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 1000) as n' });
  const repository = path.join(await temporaryFolder(), 'backups');
  const env = { PGDATABASE: database.name };
  const args = ['backup', 'create', '--repository', repository];
  const holder = await connect(database.name);
  await holder.query('begin; lock table t in access exclusive mode');
  let isTold = false;
  const { exitCode, screen } = await withoutSize(args, env, (seen, type, pid) => {
    if (isTold || !seen.includes('database')) return;
    isTold = true;
    setTimeout(() => (how === 'Ctrl-C' ? type('\u0003') : process.kill(pid, 'SIGTERM')), 500);
  });
  await holder.end();
  expect(exitCode).toBe(status);
  expect(screen).toMatch(/Changed: +nothing\./);
  const next = await potctl(args, { env });
  expect(next.exitCode).toBe(0);
  expect(next.stderr).not.toContain('lock of a dead run');
});
