import type { CreateDeps } from '../src/backup/create.js';
import type { VerifyDeps } from '../src/backup/verify.js';
import type { Context } from './context.js';

/** What a verification works with. */
export async function verifyDeps(context: Context): Promise<VerifyDeps> {
  const { openDumpReader } = await import('../src/postgres/dump-reader.js');
  const { childEnvironment: environment, signal } = context;
  return {
    ...context,
    repository: await context.repository(),
    dumpReader: await openDumpReader({ environment, signal }),
  };
}

/** What a backup works with. The dump's reader is looked for only when the check afterwards asks for it. */
export async function createDeps(context: Context): Promise<CreateDeps> {
  const { verifyBackup } = await import('../src/backup/verify.js');
  return {
    ...context,
    repository: await context.repository(),
    verify: async (id, level) => verifyBackup(await verifyDeps(context), id, level),
    recover: () => recover(context),
  };
}

/** Sets right what a killed restore left. Connects only if there is such a run. */
async function recover(context: Context): Promise<void> {
  const { recoverRuns } = await import('../src/restore/recover.js');
  const { restore } = await context.settings();
  const deps = { ...context, server: await context.server(), repository: await context.repository() };
  await recoverRuns({ ...deps, startWriters: restore.startWriters });
}
