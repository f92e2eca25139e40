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
    recover: async () => undefined,
  };
}
