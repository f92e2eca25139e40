import type { CreateDeps } from '../src/backup/create-request.js';
import type { PruneDeps } from '../src/backup/prune-plan.js';
import type { VerifyDeps } from '../src/backup/verify-dump.js';
import type { Context } from './context.js';

/**
 * What a verification works with.
 *
 * @param withDump false: no backup that is verified has one, so that no tool is started to find out its version
 */
export async function verifyDeps(context: Context, withDump = true): Promise<VerifyDeps> {
  return {
    ...context,
    repository: await context.repository(),
    dumpReader: withDump ? await context.dumpReader() : null,
  };
}

/**
 * What a backup works with. A restore that was killed is settled first, and the dump's reader is looked for only when the check afterwards
 * asks for it.
 */
export async function createDeps(context: Context, withDatabase: boolean): Promise<CreateDeps> {
  const { verifyBackup } = await import('../src/backup/verify.js');
  const { recoverRuns } = await import('../src/runs/recover.js');
  const { restoreDeps } = await import('./restore-dependencies.js');
  const { readAnchor } = await import('../src/journal/anchor.js');
  const { startWriters } = (await context.settings()).restore;
  return {
    ...context,
    ...(await pruneDeps(context)),
    readAnchor,
    async verify(id, level) {
      const readBack = level === 'quick';
      return verifyBackup({ ...(await verifyDeps(context, withDatabase && !readBack)), readBack }, id, level);
    },
    recover: async (what) =>
      recoverRuns({
        ...(await restoreDeps(context, withDatabase)),
        ...what,
        startWriters,
        hostname: context.hostname,
        database: null,
      }),
  };
}

/** What a prune works with. */
export async function pruneDeps(context: Context): Promise<PruneDeps> {
  const { backupsOfRunning } = await import('../src/runs/record.js');
  const repository = await context.repository();
  return { ...context, repository, restoring: () => backupsOfRunning(repository), clockOffMs: () => clockOff(context) };
}

/** null where no server can be asked: a prune needs none. */
async function clockOff(context: Context): Promise<number | null> {
  const { readClockOffset } = await import('../src/postgres/clock-offset.js');
  try {
    const session = await (await context.server()).session({ purpose: 'prune.clock' });
    try {
      return (await readClockOffset(session, context.clock))?.offMs ?? null;
    } finally {
      await session.close();
    }
  } catch {
    context.signal.throwIfAborted();
    return null;
  }
}
