import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freshDatabase } from '../support/database.js';
import { cleanEnvironment } from '../support/run-cli.js';
import { makeTree, temporaryFolder } from '../support/tree.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** A folder elsewhere in which potctl is installed, as npm does it for a folder: by a link. */
async function strangersFolder(): Promise<string> {
  const folder = await temporaryFolder();
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(PROJECT, path.join(folder, 'node_modules', 'potctl'));
  return folder;
}

/** Runs a program with Node in a session of its own: there is no terminal to ask at, not even by way of /dev/tty. */
async function run(program: string, ...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], {
    ...{ cwd: path.dirname(program), env: cleanEnvironment(), detached: true },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, exitCode };
}

test('a program that imports potctl can back up, list, verify, restore and undo without output or questions', async () => {
  const { name, client } = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  await client.end();
  const files = await makeTree({ 'a.txt': 'alpha' });
  const folder = await strangersFolder();
  const program = path.join(folder, 'program.mjs');
  copyFileSync(path.join(PROJECT, 'test', 'library', 'program.mjs'), program);

  const { stdout, stderr, exitCode } = await run(program, name, path.join(folder, 'backups'), files);

  expect([exitCode, stderr]).toEqual([0, '']);
  const { made, listed, verified, planned, restored, undone, rowsSeen, runs, failed } = JSON.parse(stdout);
  expect(made).toMatchObject({ status: 'complete', verified: true, rows: 10, files: 1 });
  expect(listed.items).toMatchObject([{ id: made.id, status: 'complete' }]);
  expect(verified).toMatchObject({ id: made.id, level: 'quick', ok: true });
  expect([planned.state, restored.state, undone.state]).toEqual(['planned', 'done', 'done']);
  expect(rowsSeen).toEqual({ before: 9, after: 10, again: 9 });
  expect(readFileSync(path.join(files, 'a.txt'), 'utf8')).toBe('changed');
  const kinds = runs.map(({ kind, state }: { kind: string; state: string }) => [kind, state]);
  expect(kinds).toEqual([
    ['undo', 'done'],
    ['restore', 'undone'],
  ]);
  expect(failed).toMatchObject({
    ...{ isPotctlError: true, code: 'E_BACKUP_NOT_FOUND', exitCode: 10, changed: 'nothing' },
    fix: expect.arrayContaining([expect.anything()]),
    advice: expect.arrayContaining([expect.stringContaining('potctl ')]),
  });
});

test('an error has a code, exit code and advice, and only the public entry point can be imported', async () => {
  const program = path.join(await strangersFolder(), 'wrong.mjs');
  writeFileSync(
    program,
    `import { ExitCode, openPotctl, PotctlError } from 'potctl';
     const failure = async (work) => work().then(() => null, (error) => error);
     const potctl = openPotctl({ environment: process.env });
     const error = await failure(async () => (await potctl.backup()).list());
     const inside = await failure(() => import('potctl/dist/main.js'));
     const { code, exitCode, fix } = error;
     const isItsExit = exitCode === ExitCode.config;
     console.log(JSON.stringify({ is: error instanceof PotctlError, code, exitCode, isItsExit, fixes: fix.length, inside: inside.code }));`,
  );

  const { stdout, stderr, exitCode } = await run(program);

  expect([exitCode, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toMatchObject({ is: true, code: 'E_CONFIG', exitCode: 15, isItsExit: true });
  expect(JSON.parse(stdout).fixes).toBeGreaterThan(0);
  expect(JSON.parse(stdout).inside).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED');
});
