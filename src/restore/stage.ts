import path from 'node:path';
import type { SettledPart } from '../backup/manifest.js';
import { affordableJobs } from '../postgres/connection-room.js';
import { sqlstateOf } from '../postgres/errors.js';
import type { Session } from '../postgres/server.js';
import { checkDatabase, type DatabaseChecks } from './database/check.js';
import { watchGrowth } from './database/growth.js';
import { createMissingRoles, readGlobals } from './database/roles.js';
import { applyEarlySettings, applyProperties, createStagedDatabase, restoreDump } from './database/stage.js';
import { detachSubscriptions } from './database/subscriptions.js';
import { readWrites } from './database/writes.js';
import { inSession } from './in-session.js';
import type { PlannedDatabase } from './plan/plan.js';
import type { Underway } from './run.js';
import { stageFiles } from './stage-files.js';
import { temporaryFolder } from './temporary-folder.js';

/** What stands beside the live data now, complete and checked. */
export interface Staged {
  readonly restored: { readonly tables: number; readonly rows: number; readonly files: number };
  readonly checks: DatabaseChecks | null;
}

/**
 * Builds the new database and the new tree beside the live ones and checks them against the backup's manifest. Touches nothing live.
 *
 * @throws E_RESTORE_CHECK, E_FILES_CHECK, E_TOOL_*, E_DB_*, E_NO_SPACE
 */
export async function stageRestore(underway: Underway): Promise<Staged> {
  const { plan, manifest } = underway.prepared;
  const checks = plan.database && (await stageDatabase(underway, plan.database, manifest.database!));
  const files = plan.files && (await stageFiles(underway, plan.files, manifest.storage!));
  const tables = plan.database === null ? 0 : manifest.database!.inventory.tables.length;
  return { restored: { tables, rows: checks?.rows ?? 0, files: files ?? 0 }, checks };
}

async function stageDatabase(underway: Underway, planned: PlannedDatabase, part: SettledPart): Promise<DatabaseChecks> {
  const { deps, phases, prepared } = underway;
  const server = deps.server!;
  const name = planned.stagedAs;
  await createDatabase(underway, planned, part);
  const opening = server.session({ database: name, purpose: 'restore.settings' });
  const jobs = await inSession(opening, (session) => affordableJobs(session, underway.request.jobs, 1, deps.progress));
  const restoring = { name, folder: prepared.folder, part, jobs, signal: deps.signal };
  await phases.run('pg_restore', async () => {
    const stop = watchGrowth(
      { server, progress: deps.progress },
      name,
      part.server.size_bytes ?? part.inventory.text_bytes ?? 0,
    );
    await restoreDump(server, restoring).finally(stop);
  });
  for (const line of await detachSubscriptions(server, name)) {
    const text = `a subscription was restored disabled and without its slot; when it should go on: ${line}`;
    deps.progress({ kind: 'warning', text });
  }
  const checks = await checkAndAnalyze(underway, name, part, jobs);
  // Taken before anybody else can write: from here an undo counts what was written since.
  await underway.journal.update({ written: await readWrites(server, name) });
  await applyProperties(server, name, part);
  return checks;
}

async function checkAndAnalyze(
  underway: Underway,
  name: string,
  part: SettledPart,
  jobs: number,
): Promise<DatabaseChecks> {
  const { deps, phases } = underway;
  const opening = deps.server!.session({ database: name, purpose: 'restore.check', statementTimeoutMs: 0 });
  return inSession(opening, async (session) => {
    const checks = await phases.run(
      'checks',
      () => check(underway, session, name, part, jobs),
      ({ tables, rows }) => ({ tables, rows }),
    );
    // Gives the planner its statistics: pg_restore leaves none.
    await phases.run('analyze', () => session.query('analyze'));
    return checks;
  });
}

async function check(
  { deps, prepared }: Underway,
  session: Session,
  name: string,
  part: SettledPart,
  jobs: number,
): Promise<DatabaseChecks> {
  const { signal, progress, childEnvironment } = deps;
  const server = deps.server!;
  const folder = path.join(prepared.folder, part.backup_file);
  const dump = { server, folder, scratch: temporaryFolder(childEnvironment), signal };
  const toc = part.dump.format === 'plain' ? [] : await deps.readToc(folder);
  return checkDatabase(server, session, { name, part, jobs, signal, progress, dump, toc });
}

async function createDatabase(underway: Underway, planned: PlannedDatabase, part: SettledPart): Promise<void> {
  const { deps, journal, phases, prepared } = underway;
  const server = deps.server!;
  await phases.run('create database', async () => {
    if (planned.createdRoles.length > 0) {
      await journal.update({ created_roles: planned.createdRoles });
      const globals = await readGlobals(prepared.folder, part);
      const leftOut = await createMissingRoles(server, globals, planned.createdRoles).catch(async (error: unknown) => {
        // Somebody else made one of them meanwhile, so none of them is ours: nobody shall take it away.
        if (sqlstateOf(error) === '42710') await journal.update({ created_roles: [] });
        throw error;
      });
      for (const text of leftOut) deps.progress({ kind: 'warning', text });
    }
    const oid = await createStagedDatabase(server, planned.stagedAs, part, journal.record.run_id);
    const { database } = journal.record;
    await journal.update({ database: { ...database!, incoming: { oid, staged_as: planned.stagedAs } } });
    await applyEarlySettings(server, planned.stagedAs, part);
  });
}
