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

/** What a backup will contain, and where it will be stored. */
export interface CreatePlan {
  readonly set: string;
  readonly repository: string;
  readonly new_repository: boolean;
  readonly database: string | null;
  readonly files: string | null;
}

/**
 * Prepares a backup of the database and the files as one set. Changes nothing until `apply` is called.
 *
 * `apply` reads the files, then the dump in its snapshot, then the files again: this order keeps both consistent. The backup is listed only
 * when it is complete, hashed and durable. After a failure or an interruption it is not listed, and older backups are unchanged.
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
  // Locking creates the repository. Check the space first, so that a first backup that does not fit leaves no empty one.
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
  /** Bytes in the tree, measured once at the first call: only an estimate. */
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

/** Checks the free space and compares the new backup with the previous ones of its series. */
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
    // Walking the tree is worthwhile only if no earlier backup gives an estimate.
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
  // Start the clock only now: waiting for the lock may have taken long.
  const started = { at: deps.clock.now(), monotonicMs: deps.clock.monotonicMs() };
  const { previous, doubts, figures } = await prepare(deps, request, begun);
  for (const text of begun.database?.warnings ?? []) deps.progress({ kind: 'warning', text });
  const manifest = await makeBackup(deps, request, { ...begun, lease, previous, doubts, started });
  for (const { path, reason } of manifest.storage?.skipped ?? []) {
    const text = `the backup repository "${path}" inside the files directory was skipped, with everything in it`;
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
    // Report the first failure. The next run removes what cannot be removed now.
    await draft.discard().catch(() => {});
    throw error;
  }
}

/**
 * Verifies the backup that was just written, at the requested level. Success is what the repository holds afterwards.
 *
 * @returns false if some checks could not run, null if no verification was requested
 * @throws E_BACKUP_CORRUPT with the failed checks; the signal's reason. Both say that the backup is already listed
 */
export async function checkAfterwards(deps: CreateDeps, request: CreateRequest, id: string): Promise<boolean | null> {
  const { verify, repository, progress } = deps;
  if (request.verify === 'none') return null;
  const report = await verify(id, request.verify).catch((error: unknown) => verificationStopped(deps, id, error));
  if (report === null) return false;
  const { ok, checks } = report;
  for (const { name, detail } of checks.filter(({ state }) => state === 'unknown')) {
    progress({ kind: 'warning', text: `the backup was not fully verified: ${name}: ${detail}` });
  }
  const failed = checks.filter(({ state }) => state === 'fail');
  if (failed.length === 0) return ok;
  throw new PotctlError(
    'E_BACKUP_CORRUPT',
    `backup "${id}" failed verification right after it was written to "${repository.url}"`,
    {
      changed: 'partial',
      changedDetail: 'the backup is listed with its failed check; older backups are unchanged',
      why: failed.map(({ name, detail }) => `${name}: ${detail}`).join('; '),
      fix: ['Check the disk and the memory of this machine.', potctl('backup', 'create')],
    },
  );
}

/**
 * Reports a verification that could not finish. The disk, the network or the backup may be at fault, so the backup counts as neither good
 * nor bad.
 */
function verificationStopped({ signal, progress }: CreateDeps, id: string, error: unknown): null {
  if (!(error instanceof PotctlError)) throw error;
  const changedDetail = `the backup '${id}' is listed, but its verification did not finish; older backups are unchanged`;
  if (signal.aborted || PROOF_OF_DAMAGE.includes(error.code)) throw error.with({ changed: 'partial', changedDetail });
  const why = typeof error.why === 'string' ? `: ${error.why}` : '';
  progress({ kind: 'warning', text: `the backup was not verified: ${error.message}${why}` });
  return null;
}

const PROOF_OF_DAMAGE: readonly string[] = ['E_BACKUP_CORRUPT', 'E_MANIFEST'];

/** What the space that a backup needs is estimated from; bytes. */
export interface SpaceFacts {
  /** Stored size of the newest backup of the same series with the same parts; null if there is none. */
  readonly previousStored: number | null;
  readonly databaseBytes: number;
  readonly treeBytes: number;
}

const MEBIBYTE = 1 << 20;

/**
 * Estimates how many bytes a backup needs: the size of the last one plus a tenth; without one, the files plus half of the database
 * (compressed dumps without indexes measured a quarter to a third of it). Adds a reserve of 16 MiB.
 */
export function estimateNeed({ previousStored, databaseBytes, treeBytes }: SpaceFacts): number {
  const guess = previousStored === null ? databaseBytes / 2 + treeBytes : previousStored * 1.1;
  return Math.ceil(guess) + 16 * MEBIBYTE;
}

/**
 * Refuses a backup that does not fit, before anything is written.
 *
 * @returns the estimate and the free space in bytes (null if the repository does not know it)
 * @throws E_NO_SPACE with both numbers
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
    fix: ['Free some space there, or choose another repository with --repository.'],
  });
}
