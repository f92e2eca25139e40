import { estimateTree } from '../archive/archive.js';
import type { TreeEstimate } from '../archive/engine.js';
import { openTree } from '../archive/tree.js';
import { makeBackupId } from '../catalog/id.js';
import type { Manifest } from '../catalog/manifest.js';
import { canonicalJson } from '../catalog/parse-manifest.js';
import { readSeries, refuseUnwanted } from '../catalog/series.js';
import { setOf } from '../catalog/sets.js';
import { type ObservedDatabase, observeDatabase } from '../dump/observe.js';
import { PotctlError } from '../kernel/errors.js';
import { potctl } from '../kernel/next.js';
import type { Prepared } from '../kernel/prepared.js';
import { silent } from '../kernel/progress.js';
import { lockDatabase } from '../postgres/advisory-lock.js';
import type { Server } from '../postgres/server.js';
import type { Lease, Repository } from '../repository/repository.js';
import { refuseOverlap } from '../storage/place.js';
import { composeManifest } from './compose-manifest.js';
import type { CreateDeps, CreateRequest, CreateResult } from './create-request.js';
import { pruneIfAsked } from './prune-after.js';
import { takeParts } from './take-parts.js';

/** What a backup is going to be of, and where it goes. */
export interface CreatePlan {
  readonly set: string;
  readonly repository: string;
  readonly new_repository: boolean;
  readonly database: string | null;
  readonly files: string | null;
}

/**
 * Looks at the database, the files and the repository for a backup of both as one set. Changes nothing.
 *
 * `apply` takes it in the order that keeps both consistent: files, snapshot and dump, files again. Nobody sees the backup before it is
 * complete, hashed and durable; after any failure or interruption nothing of it is listed, and older backups are as they were.
 *
 * @throws E_LOCKED, E_NO_SPACE, E_WRONG_TARGET, E_FILES_*, E_DB_*, E_TOOL_*; `changed` is always `nothing`
 */
export async function prepareBackup(
  deps: CreateDeps,
  request: CreateRequest,
): Promise<Prepared<CreatePlan, CreateResult>> {
  if (request.files !== null) refuseOverlap(deps.repository.url, request.files.path);
  const isNew = !(await deps.repository.exists());
  if (isNew && request.mayInit === false) refuseUnwanted(deps.repository);
  const begun = { ...(await begin(deps, request)), isNew };
  const { set, database } = begun;
  const plan = {
    ...{ set, repository: deps.repository.url, new_repository: isNew },
    ...{ database: database?.name ?? null, files: request.files?.path ?? null },
  };
  return {
    plan,
    dryRun: async () => ({ ...planned, ...(await prepare(deps, request, begun)).figures }),
    apply: () => create(deps, request, begun),
  };
}

async function create(deps: CreateDeps, request: CreateRequest, begun: Begun): Promise<CreateResult> {
  const { repository, signal } = deps;
  const { runId, waitMs } = request;
  const asked = { command: 'backup create', waitMs, signal };
  // A first backup that would not fit leaves no empty repository behind.
  if (begun.isNew) await prepare({ ...deps, progress: silent }, request, begun);
  const lease = await repository.lock({ ...asked, runId });
  try {
    const locked = begun.database === null ? null : await lockDatabase(begun.server!, begun.database.name, asked);
    try {
      await deps.recover({ set: begun.set, tree: request.files?.path ?? null });
      const made = await createLocked(deps, request, begun, lease);
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

interface Begun {
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
): Promise<Omit<Begun, 'isNew'>> {
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
async function prepare(deps: CreateDeps, request: CreateRequest, { set, database, treeBytes, isNew }: Begun) {
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
  begun: Begun,
  lease: Lease,
): Promise<Omit<CreateResult, 'pruned'>> {
  // Only now: it may have waited long for the lock.
  const started = { at: deps.clock.now(), monotonicMs: deps.clock.monotonicMs() };
  const { previous, doubts, figures } = await prepare(deps, request, begun);
  for (const text of begun.database?.warnings ?? []) deps.progress({ kind: 'warning', text });
  const manifest = await makeBackup(deps, request, { ...begun, lease, previous, doubts, started });
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

interface Started {
  readonly lease: Lease;
  readonly previous: string | null;
  readonly doubts: readonly string[];
  readonly started: { readonly at: Date; readonly monotonicMs: number };
}

async function makeBackup(deps: CreateDeps, request: CreateRequest, begun: Begun & Started): Promise<Manifest> {
  const { repository, clock } = deps;
  const draft = await repository.draft(makeBackupId(begun.started.at));
  try {
    const parts = await takeParts(deps, request, draft, begun.server);
    await begun.lease.assertHeld();
    const manifest = composeManifest(parts, {
      id: draft.id,
      set: begun.set,
      previous: begun.previous,
      doubts: begun.doubts,
      clockOffMs: begun.database?.clockOffMs ?? null,
      startedAt: begun.started.at,
      finishedAt: clock.now(),
      durationMs: Math.round(clock.monotonicMs() - begun.started.monotonicMs),
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

/**
 * Checks the backup that was just written, as deep as was asked for: success is what the repository holds afterwards.
 *
 * @returns false if it could not be checked wholly, null if that was not asked for
 * @throws E_BACKUP_CORRUPT naming what is wrong; the signal's reason. Both say that the backup is listed
 */
export async function checkAfterwards(deps: CreateDeps, request: CreateRequest, id: string): Promise<boolean | null> {
  const { verify, repository, progress } = deps;
  if (request.verify === 'none') return null;
  const report = await verify(id, request.verify).catch((error: unknown) => notMade(deps, id, error));
  if (report === null) return false;
  const { ok, checks } = report;
  for (const { name, detail } of checks.filter(({ state }) => state === 'unknown')) {
    progress({ kind: 'warning', text: `the backup was not checked for "${name}": ${detail}` });
  }
  const failed = checks.filter(({ state }) => state === 'fail');
  if (failed.length === 0) return ok;
  throw new PotctlError('E_BACKUP_CORRUPT', `backup "${id}" is not what was just written to "${repository.url}"`, {
    changed: 'partial',
    changedDetail: 'the backup is listed with its failed check; older ones are as they were',
    why: failed.map(({ name, detail }) => `${name}: ${detail}`).join('; '),
    fix: ['Check the disk and the memory of this machine.', potctl('backup', 'create')],
  });
}

/** The disk or the network that failed the check may be at fault, or the backup: nobody knows, so it is neither good nor bad. */
function notMade({ signal, progress }: CreateDeps, id: string, error: unknown): null {
  if (!(error instanceof PotctlError)) throw error;
  const changedDetail = `the backup '${id}' is listed, and was not checked to its end; older ones are as they were`;
  if (signal.aborted || SAYS_IT_IS_BAD.includes(error.code)) throw error.with({ changed: 'partial', changedDetail });
  const why = typeof error.why === 'string' ? `: ${error.why}` : '';
  progress({ kind: 'warning', text: `the backup was not checked: ${error.message}${why}` });
  return null;
}

const SAYS_IT_IS_BAD: readonly string[] = ['E_BACKUP_CORRUPT', 'E_MANIFEST'];

/** What is known before a backup about the room it will need; bytes. */
export interface SpaceFacts {
  /** Stored size of the newest backup of the same set and parts, null if there is none. */
  readonly previousStored: number | null;
  readonly databaseBytes: number;
  readonly treeBytes: number;
}

const MEBIBYTE = 1 << 20;

/**
 * Bytes that a backup will need at most, most likely: the last one and a tenth, else the files as they are and half of the database
 * (a compressed dump without indexes was measured at a quarter to a third of it). Plus a reserve of 16 MiB.
 */
export function estimateNeed({ previousStored, databaseBytes, treeBytes }: SpaceFacts): number {
  const guess = previousStored === null ? databaseBytes / 2 + treeBytes : previousStored * 1.1;
  return Math.ceil(guess) + 16 * MEBIBYTE;
}

/**
 * Refuses a backup that would not fit, before anything is written.
 *
 * @returns the estimate in bytes and what is free (null where the repository cannot tell)
 * @throws E_NO_SPACE with both figures
 */
export async function requireSpace(
  repository: Repository,
  facts: SpaceFacts,
): Promise<{ needed: number; free: number | null }> {
  const needed = estimateNeed(facts);
  const free = await repository.freeBytes();
  if (free === null || free >= needed) return { needed, free };
  throw new PotctlError('E_NO_SPACE', `not enough free space in "${repository.url}"`, {
    why: {
      needed_bytes: needed,
      free_bytes: free,
      estimated_from: facts.previousStored === null ? 'the size of the database and the files' : 'the last backup',
    },
    fix: ['Free some space there, or name another place with --repository.'],
  });
}
