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
 * Copies the staging schema from the scratch database into the live one, in one transaction: pg_dump writes into a pipe from which pg_restore
 * reads.
 *
 * @throws E_TOOL_*, E_DB_*, E_NO_SPACE: then nothing of it is in the live database
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
  // Without --format, pg_restore would open the pipe twice to detect the format.
  const into = [...bare, '--single-transaction', '--exit-on-error', `--dbname=dbname=${quoteConninfo(name)}`, pipe];
  // By this name, the next start finds sessions that a killed run left on the server.
  const writable = await writableEnvironment(server, name);
  const environment = { ...writable, PGAPPNAME: `potctl:${runPurpose('swap', run)}` };
  await together(deps.signal, [
    (signal) => server.runTool('pg_dump', from, { database: stagedAs, signal }),
    (signal) => server.runTool('pg_restore', into, { database: name, signal, environment }),
  ]);
}

/**
 * If one program fails, the other would wait at the pipe forever, so it is stopped. A broken pipe is only a consequence of the other
 * program's failure.
 *
 * @throws the error of the first one that failed
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
  throw new PotctlError('E_TOOL_FAILED', 'cannot create a named pipe', { why: startError ?? stderrTail.join('; ') });
}
