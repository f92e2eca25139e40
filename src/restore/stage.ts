import path from 'node:path';
import type { SettledPart } from '../catalog/manifest.js';
import type { TocEntry } from '../dump/toc.js';
import { PotctlError } from '../kernel/errors.js';
import { type Advice, advice, again, potctl } from '../kernel/next.js';
import { affordableJobs } from '../postgres/connection-room.js';
import { sqlstateOf } from '../postgres/errors.js';
import { inSession } from '../postgres/in-session.js';
import type { Session } from '../postgres/server.js';
import { acceptArguments, type Finding, judgeFindings, unneeded } from '../runs/accept.js';
import { detachSubscriptions } from '../runs/database/subscriptions.js';
import { temporaryFolder } from '../runs/temporary-folder.js';
import { analyzeDatabase } from './database/analyze.js';
import { checkDatabase, type DatabaseChecks } from './database/check.js';
import type { FailedObject } from './database/failed-objects.js';
import { watchGrowth } from './database/growth.js';
import { byHand, sourceFixes } from './database/remedies.js';
import { createMissingRoles, readGlobals } from './database/roles.js';
import { applyEarlySettings, applyProperties, createStagedDatabase, restoreDump } from './database/stage.js';
import { readWrites } from './database/writes.js';
import type { PlannedDatabase } from './plan/plan.js';
import type { RunningRestore } from './running.js';
import { stageFiles } from './stage-files.js';

const SHOWN = 8;

/** The staged data, complete and verified. */
export interface Staged {
  readonly restored: { readonly tables: number; readonly rows: number; readonly files: number };
  readonly checks: DatabaseChecks | null;
  /** What the files lack besides their content. */
  readonly lost: readonly string[];
}

/**
 * Restores into a staging database and a staging tree, and verifies them against the backup's manifest. Changes nothing live.
 *
 * @throws E_RESTORE_CHECK, E_FILES_CHECK, E_TOOL_*, E_DB_*, E_NO_SPACE
 */
export async function stageRestore(running: RunningRestore): Promise<Staged> {
  const { plan, manifest } = running.prepared;
  const checks = plan.database && (await stageDatabase(running, plan.database, manifest.database!));
  const files = plan.files && (await stageFiles(running, plan.files, manifest.storage!));
  const tables = plan.database === null ? 0 : manifest.database!.inventory.tables.length;
  const restored = { tables, rows: checks?.rows ?? 0, files: files?.files ?? 0 };
  return { restored, checks, lost: files?.lost ?? [] };
}

async function stageDatabase(
  running: RunningRestore,
  planned: PlannedDatabase,
  part: SettledPart,
): Promise<DatabaseChecks> {
  const { deps, phases, prepared, request } = running;
  const server = deps.server!;
  const name = planned.stagedAs;
  await createDatabase(running, planned, part);
  const folder = path.join(prepared.folder, part.backup_file);
  const toc = part.dump.format === 'plain' ? [] : await deps.readToc(folder);
  const opening = server.session({ database: name, purpose: 'restore.settings' });
  const jobs = await inSession(opening, (session) => affordableJobs(session, request.jobs, 1, deps.progress));
  const { continuePastErrors } = request;
  const scratch = temporaryFolder(deps.childEnvironment);
  const how = { jobs, continuePastErrors, damaged: prepared.damaged, scratch, signal: deps.signal };
  const restoring = { name, folder: prepared.folder, part, toc, ...how };
  const failed = await phases.run('pg_restore', async () => {
    const stop = watchGrowth(
      { server, progress: deps.progress },
      name,
      part.server.size_bytes ?? part.inventory.text_bytes ?? 0,
    );
    return restoreDump(server, restoring).finally(stop);
  });
  for (const line of await detachSubscriptions(server, name)) {
    const text = `a subscription was restored disabled and without its slot; to resume it: ${line}`;
    deps.progress({ kind: 'warning', text });
  }
  const checks = await checkAndAnalyze(running, name, { part, toc, failed, jobs });
  // Read before anybody else can write: an undo later counts the rows written since.
  await running.journal.update({ written: await readWrites(server, name) });
  await applyProperties(server, name, part);
  return checks;
}

/** What was restored, and what failed. */
interface Restored {
  readonly part: SettledPart;
  readonly toc: readonly TocEntry[];
  readonly failed: readonly FailedObject[];
  /** The number of parallel sessions that the server allows. */
  readonly jobs: number;
}

async function checkAndAnalyze(running: RunningRestore, name: string, restored: Restored): Promise<DatabaseChecks> {
  const { deps, phases } = running;
  const opening = deps.server!.session({ database: name, purpose: 'restore.check', statementTimeoutMs: 0 });
  return inSession(opening, async (session) => {
    const checks = await phases.run(
      'checks',
      () => check(running, session, name, restored),
      ({ tables, rows }) => ({ tables, rows }),
    );
    const missing = await phases.run('analyze', () => analyzeDatabase(session));
    for (const text of missing) deps.progress({ kind: 'warning', text });
    return checks;
  });
}

async function check(
  running: RunningRestore,
  session: Session,
  name: string,
  { part, toc, failed, jobs }: Restored,
): Promise<DatabaseChecks> {
  const { deps, prepared } = running;
  const { signal, progress, childEnvironment } = deps;
  const server = deps.server!;
  const folder = path.join(prepared.folder, part.backup_file);
  const dump = { server, folder, scratch: temporaryFolder(childEnvironment), signal };
  const { checks, findings } = await checkDatabase(server, session, { name, part, jobs, signal, progress, dump, toc });
  await settleFindings(running, [...failed, ...findings], () => [
    ...sourceFixes(failed, { toc }),
    ...byHand(failed, { settings: server.settings, folder: prepared.folder, part, toc, jobs }),
  ]);
  return checks;
}

/** Continues only if each finding was accepted by name; the record stores the evidence. @throws E_RESTORE_CHECK */
async function settleFindings(
  { deps, request, journal, prepared }: RunningRestore,
  findings: readonly Finding[],
  otherWays: () => readonly Advice[],
): Promise<void> {
  const { refused, accepted } = judgeFindings(findings, request.accept);
  if (refused.length > 0) throw checkFailed(prepared.manifest.id, refused, otherWays());
  for (const text of unneeded(request.accept, accepted, 'checks')) deps.progress({ kind: 'warning', text });
  for (const { name } of accepted) deps.progress({ kind: 'warning', text: `accepted: ${name}` });
  await journal.update({ accepted: [...(journal.record.accepted ?? []), ...accepted] });
}

function checkFailed(id: string, findings: readonly Finding[], otherWays: readonly Advice[]): PotctlError {
  const more = findings.length > SHOWN ? [`and ${findings.length - SHOWN} more`] : [];
  return new PotctlError('E_RESTORE_CHECK', 'the restored database does not match the backup', {
    why: [...findings.slice(0, SHOWN).map(({ detail }) => detail), ...more].join('\n'),
    changedDetail: 'the restored database was dropped; the live database was not changed',
    fix: [
      advice`Verify the backup (${potctl('backup', 'verify', id, '--level', 'full')}), or restore another one.`,
      ...otherWays,
      'Or accept the differences, which are then recorded in the run:',
      again(...acceptArguments(findings)),
    ],
  });
}

async function createDatabase(running: RunningRestore, planned: PlannedDatabase, part: SettledPart): Promise<void> {
  const { deps, journal, phases, prepared } = running;
  const server = deps.server!;
  await phases.run('create database', async () => {
    if (planned.createdRoles.length > 0) {
      await journal.update({ created_roles: planned.createdRoles });
      const globals = await readGlobals(prepared.folder, part);
      const leftOut = await createMissingRoles(server, globals, planned.createdRoles).catch(async (error: unknown) => {
        // Somebody else created one of them meanwhile, so it is not certain that any is ours: none will be dropped.
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
