import path from 'node:path';
import { startChild } from '../../kernel/child.js';
import { PotctlError } from '../../kernel/errors.js';
import { makeShortLivedFolder, removeShortLivedFolder } from '../../kernel/short-lived.js';
import { runPurpose } from '../../runs/database/sessions-of-run.js';
import { stagedSchemaName } from '../../runs/names.js';
import { temporaryFolder } from '../../runs/temporary-folder.js';
import { quoteConninfo } from '../database/conninfo.js';
import { writableEnvironment } from '../database/writable.js';
import type { RunningTables } from './running.js';

/**
 * Carries the staged schema from the scratch database into the live one, in one transaction there: pg_dump writes into a pipe from which
 * pg_restore reads.
 *
 * @throws E_TOOL_*, E_DB_*, E_NO_SPACE: then the live database has nothing of it
 */
export async function carryOver(running: RunningTables): Promise<void> {
  const { childEnvironment } = running.deps;
  const folder = await makeShortLivedFolder(temporaryFolder(childEnvironment), 'carry');
  try {
    const pipe = path.join(folder, 'pipe');
    await makePipe(pipe, childEnvironment);
    await pump(running, pipe);
  } finally {
    await removeShortLivedFolder(folder);
  }
}

async function pump({ deps, journal, prepared }: RunningTables, pipe: string): Promise<void> {
  const { stagedAs, name } = prepared.plan.database;
  const { run_id: run } = journal.record;
  const server = deps.server!;
  const bare = ['--format=custom', '--no-owner', '--no-acl'];
  const from = [...bare, `--schema=${stagedSchemaName(run)}`, '--compress=0', '--no-sync', `--file=${pipe}`];
  // Without its format pg_restore would open the pipe twice, to find it out.
  const into = [...bare, '--single-transaction', '--exit-on-error', `--dbname=dbname=${quoteConninfo(name)}`, pipe];
  // By this name the next start finds what a killed run still has at work on the server.
  const writable = await writableEnvironment(server, name);
  const environment = { ...writable, PGAPPNAME: `potctl:${runPurpose('swap', run)}` };
  await together(deps.signal, [
    (signal) => server.runTool('pg_dump', from, { database: stagedAs, signal }),
    (signal) => server.runTool('pg_restore', into, { database: name, signal, environment }),
  ]);
}

/**
 * One that fails leaves the other waiting at the pipe for ever: it is stopped. That a pipe has no reader any more is only the echo of the
 * other's failure.
 *
 * @throws the error of the first that failed
 */
async function together(asked: AbortSignal, works: readonly ((signal: AbortSignal) => Promise<void>)[]): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([asked, stop.signal]);
  const ends = works.map((work) =>
    work(signal).catch((error: unknown) => {
      if (!isEcho(error)) stop.abort(error);
      throw error;
    }),
  );
  const failed = (await Promise.allSettled(ends)).find((end) => end.status === 'rejected');
  asked.throwIfAborted();
  if (failed !== undefined) throw stop.signal.reason ?? failed.reason;
}

const isEcho = (error: unknown): boolean =>
  error instanceof PotctlError && /SIGPIPE|Broken pipe/.test(`${error.message} ${error.why}`);

async function makePipe(pipe: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const { ok, startError, stderrTail } = await startChild('mkfifo', ['-m', '600', pipe], {
    environment,
    stdout: 'ignore',
  }).ended;
  if (ok) return;
  throw new PotctlError('E_TOOL_FAILED', 'no pipe could be made', { why: startError ?? stderrTail.join('; ') });
}
