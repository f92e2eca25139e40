import path from 'node:path';
import type { GoodEntry } from '../../catalog/catalog.js';
import type { FilesPart, Manifest } from '../../catalog/manifest.js';
import type { Check } from '../../kernel/check.js';
import { PotctlError } from '../../kernel/errors.js';
import { type Advice, advice, potctl } from '../../kernel/next.js';
import { readRuns, recordsWarning } from '../../runs/record.js';
import type { RestoreDeps, RestoreRequest } from '../deps.js';
import { type Assessment, profileBlockers, refuseBlocked, settleAccepted } from './assess.js';
import { chooseBackup } from './choose-backup.js';
import { estimateMs } from './estimate.js';
import type { PlannedBackup, RestorePlan } from './plan.js';
import { planDatabase } from './plan-database.js';
import { planFiles } from './plan-files.js';
import type { SettledManifest } from './settle-part.js';
import { toolBlockers } from './tools.js';

/** A plan, and what the run needs of the backup. */
export interface PreparedRestore {
  readonly plan: RestorePlan;
  readonly manifest: SettledManifest;
  /** Local folder with the backup's artifacts. */
  readonly folder: string;
  /** Unreadable parts of it that were accepted. */
  readonly damaged: readonly Check[];
}

/**
 * Finds the backup, verifies every stored byte of it once, inspects server and tree, and reports what a restore would do, cost and lose,
 * and its blockers. Changes nothing.
 *
 * @throws E_BACKUP_NOT_FOUND, E_MANIFEST, E_BACKUP_CORRUPT, E_UNFIT (the backup lacks a requested part), E_DB_*, E_FILES_DENIED
 */
export async function prepareRestore(deps: RestoreDeps, request: RestoreRequest): Promise<PreparedRestore> {
  const { repository } = deps;
  const { set, entry, warnings, manifest } = await chooseBackup(deps, request);
  const parts = partsOf(request, manifest);
  const { checks } = await deps.verify(entry.id);
  const stored = assessStored(manifest.id, checks);
  // On a damaged dump, the tools fail with obscure messages: report the cause first.
  refuseBlocked(settleAccepted(stored, request.accept).blocking);
  const folder = await repository.artifacts(entry.id);
  const database = parts.database ? await planDatabase(deps, request, manifest, folder) : null;
  const storage = manifest.storage as FilesPart | null;
  const files =
    parts.files === null ? null : await planFiles(request, { part: storage!, folder }, parts.files, repository.url);
  const asked = { database: database === null ? null : manifest.database, storage: files === null ? null : storage };
  const tools = await toolBlockers(deps, folder, asked);
  const own = {
    blocking: [...profileBlockers(request), ...tools],
    warnings: [...recordsWarning(deps), ...warnings, ...parts.warnings],
  };
  const plan: RestorePlan = {
    ...askedFor(request),
    set,
    backup: plannedBackup(manifest, entry),
    database: database?.planned ?? null,
    files: files?.planned ?? null,
    estimateMs: estimateMs(await readRuns(repository), set, manifest.totals.source_bytes),
    ...settleAccepted(together([stored, own, database, files]), request.accept),
    confirm: database?.planned.name ?? path.basename(files!.planned.root),
  };
  const damaged = checks.filter(({ state }) => state === 'fail');
  return { plan, manifest: { ...manifest, database: database?.part ?? null, storage }, folder, damaged };
}

function askedFor(
  request: RestoreRequest,
): Pick<RestorePlan, 'runId' | 'mode' | 'profile' | 'environment' | 'hooks' | 'undo' | 'undoPossibleMs'> {
  const { runId, mode, profile, stopWriters, startWriters, keepOldMs } = request;
  return {
    runId,
    mode,
    profile: profile.name,
    environment: profile.environment,
    hooks: { stop: stopWriters, start: startWriters },
    undo: mode === 'swap' ? potctl('restore', 'undo', runId) : null,
    undoPossibleMs: keepOldMs,
  };
}

/** What a plan shows of its backup. */
export function plannedBackup(manifest: Manifest, { verified }: GoodEntry): PlannedBackup {
  return {
    id: manifest.id,
    takenAt: manifest.timestamp,
    set: manifest.set,
    status: manifest.status,
    storedBytes: manifest.totals.stored_bytes,
    verified: verified?.ok ? { level: verified.level, at: verified.at } : null,
  };
}

function together(assessments: readonly (Assessment | null)[]): Assessment {
  return {
    blocking: assessments.flatMap((assessment) => assessment?.blocking ?? []),
    warnings: assessments.flatMap((assessment) => assessment?.warnings ?? []),
  };
}

/** A damaged backup is restored only if the damage is accepted with its id; what could not be checked is a warning. */
export function assessStored(id: string, checks: readonly Check[]): Assessment {
  const say = ({ name, detail }: Check): string => `${name}: ${detail}`;
  const failed = checks.filter(({ state }) => state === 'fail');
  const warnings = checks.filter(({ state }) => state === 'unknown').map((check) => `not checked: ${say(check)}`);
  if (failed.length === 0) return { blocking: [], warnings };
  const text = `the backup '${id}' is damaged: ${failed.slice(0, 5).map(say).join('; ')}`;
  const fix = [
    advice`Find an intact one: ${potctl('backup', 'list')}.`,
    advice`See all damage: ${potctl('backup', 'verify', id)}`,
    'Or restore what is still readable: accept the damage, and add --continue-past-errors.',
  ];
  return { blocking: [{ code: 'E_BACKUP_CORRUPT', text, fix, accept: `damage:${id}` }], warnings };
}

interface Parts {
  readonly database: boolean;
  /** Where the files are restored; null = no files. */
  readonly files: string | null;
  readonly warnings: readonly Advice[];
}

function partsOf(request: RestoreRequest, manifest: Manifest): Parts {
  const { only, mode, files, intoFiles } = request;
  const database = only !== 'files' && manifest.database !== null;
  const place = mode === 'new' ? intoFiles : (files?.path ?? null);
  const root = only === 'db' || manifest.storage === null ? null : place;
  if (only === 'db' && manifest.database === null) throw lacks(manifest.id, 'database');
  if (only === 'files' && manifest.storage === null) throw lacks(manifest.id, 'files');
  if (!database && root === null) {
    throw new PotctlError('E_USAGE', 'there is nothing to restore', { fix: ['Pass the directory: --files DIR.'] });
  }
  const warnings: Advice[] = [];
  if (only === null && manifest.storage !== null && root === null) {
    warnings.push(
      `the files in the backup will not be restored: no directory was given (${mode === 'new' ? '--into-files' : '--files'})`,
    );
  }
  if (only === null && manifest.storage === null && files !== null) {
    warnings.push('the backup has no files: the live files will not be changed');
  }
  if (only === null && manifest.database === null)
    warnings.push('the backup has no database: the live database will not be changed');
  return { database, files: root, warnings };
}

const lacks = (id: string, part: string): PotctlError =>
  new PotctlError('E_UNFIT', `the backup '${id}' has no ${part}`, {
    fix: [advice`Choose another one: ${potctl('backup', 'list')}.`],
  });
