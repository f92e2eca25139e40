import { estimateTree } from '../archive/archive.js';
import type { TreeEstimate } from '../archive/engine.js';
import { openTree } from '../archive/tree.js';
import { makeBackupId } from '../catalog/id.js';
import type { Manifest } from '../catalog/manifest.js';
import { canonicalJson } from '../catalog/parse-manifest.js';
import { readSeries, refuseUnwanted } from '../catalog/series.js';
import { setOf } from '../catalog/sets.js';
import { type ObservedDatabase, observeDatabase } from '../dump/observe.js';
import type { Changes } from '../kernel/changes.js';
import type { Clock } from '../kernel/clock.js';
import { type Progress, silent } from '../kernel/progress.js';
import { lockDatabase } from '../postgres/advisory-lock.js';
import type { Server, Session } from '../postgres/server.js';
import { refuseOverlap } from '../repository/place.js';
import type { Lease, Repository } from '../repository/repository.js';
import { checkAfterwards } from './check-afterwards.js';
import { composeManifest } from './compose-manifest.js';
import type { PrunePolicy } from './keep-rules.js';
import { type PrunedAfter, pruneIfAsked } from './prune-after.js';
import type { PruneDeps } from './prune-plan.js';
import { requireSpace } from './space.js';
import { takeParts } from './take-parts.js';
import type { VerifyLevel, VerifyReport } from './verify.js';

/** What a backup is made with; every power that it uses is here. */
export interface CreateDeps {
  /** Asked only when the database is backed up. */
  readonly server: () => Promise<Server>;
  readonly repository: Repository;
  /**
   * Finishes or undoes what a killed restore left; throws if the tree is half-swapped all the same. Called once the repository is locked.
   */
  readonly recover: (what: { readonly set: string; readonly tree: string | null }) => Promise<unknown>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly changes?: Changes;
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** The newest entry of potctl's journal, read in the dump's snapshot: null where there is none. */
  readonly readAnchor?: (session: Session) => Promise<{ seq: string; hash: string; at: string } | null>;
  /** For the check afterwards. */
  readonly verify: (id: string, level: VerifyLevel) => Promise<VerifyReport>;
  /** Backups that running restores want; asked only by a request that prunes. */
  readonly restoring?: PruneDeps['restoring'];
}

/** What to back up, and what the manifest says about who asked. */
export interface CreateRequest {
  readonly runId: string;
  readonly traceId: string;
  readonly profile: string | null;
  readonly expectedSystemIdentifier: string | null;
  readonly database: boolean;
  readonly files: { readonly path: string; readonly excludes: readonly string[] } | null;
  readonly references: string | null;
  readonly jobs: number;
  readonly rows: 'exact' | 'estimate' | 'off';
  readonly lockWaitMs: number;
  readonly waitMs: number;
  readonly verify: 'none' | VerifyLevel;
  /** `safety`: what a restore is about to replace; never `latest`, never counted by retention. */
  readonly kind: Manifest['kind'];
  readonly note: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly hostname: string;
  readonly tool: Manifest['tool'];
  readonly dryRun: boolean;
  /** The part that was asked for alone: then the other one is not missed. Absent or null = everything that there is. */
  readonly only?: 'db' | 'files' | null;
  /** May the first backup create the repository? Absent = yes. */
  readonly mayInit?: boolean;
  /** Remove older backups of the set afterwards; absent or null = no. */
  readonly prune?: PrunePolicy | null;
}

/** What was made, or with `dryRun` would be made (then `id` is null). Sizes in bytes. */
export interface CreateResult {
  readonly id: string | null;
  readonly set: string;
  readonly status: Manifest['status'] | 'planned';
  readonly degraded_reasons: readonly string[];
  /** Was the stored backup found good? false: it could not be checked wholly; null: that was not asked for. */
  readonly verified: boolean | null;
  readonly repository: string;
  /** Was there none at that place before? */
  readonly new_repository: boolean;
  /** Stored size; 0 when nothing was written. */
  readonly bytes_total: number;
  readonly rows: number | null;
  readonly files: number | null;
  readonly duration_s: number;
  readonly needed_bytes: number;
  readonly free_bytes: number | null;
  /** null: that was not asked for, or this was a dry run. */
  readonly pruned: PrunedAfter | null;
}

/**
 * Backs up a database and its files as one set, in the order that keeps them consistent: files, snapshot and dump, files again.
 *
 * Nobody sees the backup before it is complete, hashed and durable; after any failure or interruption nothing of it is listed, and older
 * backups are as they were.
 *
 * @throws E_LOCKED, E_NO_SPACE, E_WRONG_TARGET, E_FILES_*, E_DB_*, E_TOOL_*; `changed` is always `nothing`
 */
export async function createBackup(deps: CreateDeps, request: CreateRequest): Promise<CreateResult> {
  if (request.files !== null) refuseOverlap(deps.repository.url, request.files.path);
  const isNew = !(await deps.repository.exists());
  if (isNew && request.mayInit === false) refuseUnwanted(deps.repository, `backup create${onlyFlag(request)}`);
  const underway = { ...(await begin(deps, request)), isNew };
  if (request.dryRun) return { ...planned, ...(await prepare(deps, request, underway)).figures };
  const { repository, signal } = deps;
  const { runId, waitMs } = request;
  const asked = { command: 'backup create', waitMs, signal };
  // A first backup that would not fit leaves no empty repository behind.
  if (isNew) await prepare({ ...deps, progress: silent }, request, underway);
  const lease = await repository.lock({ ...asked, runId });
  try {
    const locked =
      underway.database === null ? null : await lockDatabase(underway.server!, underway.database.name, asked);
    try {
      await deps.recover({ set: underway.set, tree: request.files?.path ?? null });
      const made = await createLocked(deps, request, underway, lease);
      return { ...made, pruned: await pruneIfAsked(deps, request, made, lease) };
    } finally {
      await locked?.release();
    }
  } finally {
    await lease.release();
  }
}

const planned = {
  id: null,
  status: 'planned',
  verified: null,
  bytes_total: 0,
  rows: null,
  files: null,
  duration_s: 0,
  pruned: null,
} as const;

const onlyFlag = ({ only }: CreateRequest): string => (only == null ? '' : ` --only ${only}`);

interface Underway {
  readonly isNew: boolean;
  readonly set: string;
  readonly server: Server | null;
  readonly database: ObservedDatabase | null;
  /** Size of the tree as it was when first asked: it is only an estimate. */
  readonly treeBytes: () => Promise<number>;
}

async function begin(
  { server: open, signal, clock }: CreateDeps,
  request: CreateRequest,
): Promise<Omit<Underway, 'isNew'>> {
  const { files } = request;
  const server = request.database ? await open() : null;
  const database = server === null ? null : await observeDatabase(server, request.expectedSystemIdentifier, clock);
  const set = setOf({
    profile: request.profile,
    systemIdentifier: database?.systemIdentifier ?? null,
    database: database?.name ?? null,
    filesPath: files?.path ?? null,
  });
  let estimate: Promise<TreeEstimate> | undefined;
  const treeBytes = async (): Promise<number> => {
    if (files === null) return 0;
    estimate ??= estimateTree({ root: files.path, excludes: files.excludes, signal });
    return (await estimate).bytes;
  };
  return { set, server, database, treeBytes };
}

/** Looks whether the backup would fit, and how it fits to those that are there. */
async function prepare(deps: CreateDeps, request: CreateRequest, { set, database, treeBytes, isNew }: Underway) {
  const { repository, progress } = deps;
  progress({ kind: 'phase', name: 'checks' });
  if (request.files !== null) openTree(request.files.path);
  const clockOffMs = database?.clockOffMs ?? null;
  const { previous, alike, doubts, warnings } = await readSeries(repository, {
    ...{ set, request, clockOffMs },
    now: deps.clock.now(),
  });
  const space = await requireSpace(repository, {
    previousStored: alike?.totals.stored_bytes ?? null,
    databaseBytes: database?.bytes ?? 0,
    // Walking the tree is worth it only where the last backup does not tell.
    treeBytes: alike === null ? await treeBytes() : 0,
  });
  for (const text of warnings) progress({ kind: 'warning', text });
  const free = space.free === null ? {} : { free_bytes: space.free };
  progress({ kind: 'done', name: 'checks', facts: { needed_bytes: space.needed, ...free } });
  const figures = {
    ...{ set, repository: repository.url, new_repository: isNew, degraded_reasons: doubts },
    ...{ needed_bytes: space.needed, free_bytes: space.free },
  };
  return { previous: previous?.id ?? null, doubts, figures };
}

async function createLocked(
  deps: CreateDeps,
  request: CreateRequest,
  underway: Underway,
  lease: Lease,
): Promise<Omit<CreateResult, 'pruned'>> {
  // Only now: it may have waited long for the lock.
  const started = { at: deps.clock.now(), monotonicMs: deps.clock.monotonicMs() };
  const { previous, doubts, figures } = await prepare(deps, request, underway);
  for (const text of underway.database?.warnings ?? []) deps.progress({ kind: 'warning', text });
  const manifest = await makeBackup(deps, request, { ...underway, lease, previous, doubts, started });
  for (const { path, reason } of manifest.storage?.skipped ?? []) {
    const text = `the backup repository "${path}" inside the files was left out, with all that is in it`;
    if (reason === 'repository') deps.progress({ kind: 'warning', text });
  }
  const verified = await checkAfterwards(deps, request, manifest.id);
  return {
    ...figures,
    id: manifest.id,
    status: manifest.status,
    degraded_reasons: manifest.degraded_reasons,
    verified,
    bytes_total: manifest.totals.stored_bytes,
    rows: manifest.database?.inventory.rows_total ?? null,
    files: manifest.storage?.files ?? null,
    duration_s: Math.round(deps.clock.monotonicMs() - started.monotonicMs) / 1000,
  };
}

interface Begun {
  readonly lease: Lease;
  readonly previous: string | null;
  readonly doubts: readonly string[];
  readonly started: { readonly at: Date; readonly monotonicMs: number };
}

async function makeBackup(deps: CreateDeps, request: CreateRequest, underway: Underway & Begun): Promise<Manifest> {
  const { repository, clock } = deps;
  const draft = await repository.draft(makeBackupId(underway.started.at));
  try {
    const parts = await takeParts(deps, request, draft, underway.server);
    await underway.lease.assertHeld();
    const manifest = composeManifest(parts, {
      id: draft.id,
      set: underway.set,
      previous: underway.previous,
      doubts: underway.doubts,
      clockOffMs: underway.database?.clockOffMs ?? null,
      startedAt: underway.started.at,
      finishedAt: clock.now(),
      durationMs: Math.round(clock.monotonicMs() - underway.started.monotonicMs),
      request,
    });
    deps.signal.throwIfAborted();
    await draft.publish(canonicalJson(manifest));
    deps.changes?.note('backup', { changed: 'complete', detail: `the backup '${manifest.id}' is listed` });
    return manifest;
  } catch (error) {
    // The first failure is the one to tell; what cannot be removed now is swept by the next run.
    await draft.discard().catch(() => {});
    throw error;
  }
}
