import { availableParallelism } from 'node:os';
import { createChanges } from '../src/kernel/changes.js';
import type { Repository } from '../src/repository/repository.js';
import type { RestoreDeps } from '../src/restore/deps.js';
import type { FilesDeps } from '../src/restore/files/request.js';
import type { Occasion } from '../src/restore/requests.js';
import type { Context } from './context.js';
import { createDeps, verifyDeps } from './dependencies.js';
import { withBackupDir } from './old-backups.js';
import { forRestore } from './records-apart.js';

/**
 * What a restore or an undo works with. `withServer` false: only files take part, and no server is asked. With `backupDir` the backup is
 * read from a folder of the old scripts; a safety backup still goes to the repository.
 */
export async function restoreDeps(base: Context, withServer = true, backupDir?: string): Promise<RestoreDeps> {
  let recordsIn: string | null = null;
  const recorded = async (): Promise<Repository> => {
    const found = await forRestore(await base.repository(), base);
    recordsIn = found.recordsIn;
    return found.repository;
  };
  const context = withBackupDir({ ...base, repository: recorded }, backupDir);
  const { lockDatabase } = await import('../src/postgres/advisory-lock.js');
  const { readToc } = await import('../src/dump/toc.js');
  const { verifyBackup } = await import('../src/backup/verify.js');
  const { signal, waitMs } = context;
  const repository = await context.repository();
  const unrecorded = { ...repository, appendEvent: async () => {} };
  return {
    ...context,
    server: withServer ? await context.server() : null,
    repository,
    recordsIn,
    lockDatabase: async (database) =>
      lockDatabase(await context.server(), database, { command: 'restore', waitMs, signal }),
    // A plan changes nothing, not even what is known of the backup.
    verify: async (id) => verifyBackup({ ...(await verifyDeps(context)), repository: unrecorded }, id, 'quick'),
    safetyBackup: (parts) => backUpForSafety(base, parts),
    // It has listed the dump already, for the verification; where there is none, the server's tools say what is missing.
    readToc: async (folder) =>
      (await context.dumpReader())?.toc(folder) ?? readToc(await context.server(), folder, signal),
  };
}

/** What the restore of single files works with: it needs no server, and changes nothing in the repository. */
export async function filesDeps(context: Context): Promise<FilesDeps> {
  const { readHostIdentity } = await import('../src/kernel/host-identity.js');
  return { ...context, repository: await context.repository(), owner: await readHostIdentity(process.pid) };
}

/** Who runs it, and how. */
export function occasionOf(context: Context, dryRun: boolean): Occasion & { readonly processors: number } {
  const { runId, traceId, operator, hostname, waitMs, settingsRequest } = context;
  const { cwd } = settingsRequest;
  return { runId, traceId, operator, hostname, waitMs, cwd, dryRun, processors: availableParallelism() };
}

async function backUpForSafety(context: Context, parts: Parameters<RestoreDeps['safetyBackup']>[0]): Promise<string> {
  const { createBackup } = await import('../src/backup/create.js');
  const { safetyRequest } = await import('../src/backup/create-request.js');
  const request = safetyRequest(await context.settings(), parts, { ...context, dryRun: false });
  // What is added to be safe is no part of the work.
  const deps = { ...(await createDeps(context, request.database)), changes: createChanges() };
  const { id, degraded_reasons, verified } = await createBackup(deps, request);
  context.changes.note('safety backup', { changed: 'partial', detail: `the safety backup '${id}' is listed` });
  const doubts = [...degraded_reasons, ...(verified === false ? ['it could not be checked wholly'] : [])];
  for (const doubt of doubts) context.progress({ kind: 'warning', text: `the safety backup ${id}: ${doubt}` });
  return id!;
}
