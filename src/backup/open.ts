import type { Choice } from '../archive/choose.js';
import type { Settings } from '../config/settings.js';
import { type Base, targetOf } from '../host/base.js';
import { guarded } from '../host/guarded.js';
import type { Who } from '../host/host.js';
import { createChanges } from '../kernel/changes.js';
import type { Prepared } from '../kernel/prepared.js';
import type { Repository } from '../repository/repository.js';
import type { CreatePlan } from './create.js';
import type { CreateDeps, CreateOptions, CreateRequest, CreateResult } from './create-request.js';
import type { ImportOptions, ImportResult } from './imported/import.js';
import type { KeepOptions } from './keep-rules.js';
import type { Listing, ListRequest } from './listing.js';
import type { Pinned, Until } from './pins.js';
import type { PruneResult } from './prune.js';
import type { PruneDeps, PrunePlan } from './prune-plan.js';
import type { ShownBackup } from './show.js';
import type { ShownFiles } from './show-files.js';
import type { VerifyReport } from './verify.js';
import type { VerifyDeps, VerifyLevel } from './verify-dump.js';

/** Which backup, and where to find it. */
export interface Reference {
  /** An id, a unique part of it, `latest`, `latest~1`. */
  readonly id: string;
  /** The series of the backup, if it is not the current one. */
  readonly fromSet?: string | undefined;
  /** A folder with backups of the old scripts, instead of the repository. */
  readonly backupDir?: string | undefined;
}

/** Which backups are removed. */
export type PruneOptions = KeepOptions & {
  /** The id of one backup, instead of a policy. */
  readonly id?: string | undefined;
  readonly fromSet?: string | undefined;
  readonly allSets?: boolean;
};

/** The use cases of backups. */
export interface Backup {
  /** @throws as prepareBackup, createRequest */
  create(options?: Partial<CreateOptions>): Promise<Prepared<CreatePlan, CreateResult>>;
  list(
    options?: Partial<Pick<ListRequest, 'allSets' | 'status'>> & { readonly backupDir?: string | undefined },
  ): Promise<Listing>;
  show(reference: Reference, withManifest?: boolean): Promise<ShownBackup>;
  /** The files of a backup that match a glob, read on demand. */
  files(reference: Reference, glob: string): Promise<ShownFiles>;
  /** @param level default `quick` */
  verify(reference: Reference, level?: VerifyLevel): Promise<VerifyReport>;
  /** Removes old backups by a policy, or one backup by id. */
  prune(options: PruneOptions): Promise<Prepared<PrunePlan, PruneResult>>;
  pin(
    reference: Reference,
    options?: { readonly reason?: string | undefined; readonly until?: Until | undefined },
  ): Promise<Prepared<Pinned, Pinned>>;
  unpin(reference: Reference, options?: { readonly reason?: string | undefined }): Promise<Prepared<Pinned, Pinned>>;
  /** Imports backups of the old scripts, and dumps of pg_dump. */
  import(options: ImportOptions): Promise<Prepared<readonly string[], ImportResult>>;
}

/** What a restore needs from this domain beyond reading backups. */
interface RestorePorts {
  /** Verifies a stored backup without recording it in its events: a plan changes nothing. */
  verifyStored(repository: Repository, id: string): Promise<VerifyReport>;
  /** Backs up what a restore is about to replace. @param run that restore's @returns the backup's id */
  backUpForSafety(parts: { readonly database: boolean; readonly files: boolean }, run: Who): Promise<string>;
}

/**
 * Wires the backup domain. Nothing is opened before a use case needs it.
 *
 * @returns also the ports that only restores use
 */
export function openBackup(base: Base): { readonly backup: Backup; readonly ports: RestorePorts } {
  const { host } = base;
  const { clock, signal, progress, childEnvironment, changes, who } = host;

  const runner = (run: Who) => {
    const { tool, processors, waitMs, settings } = host;
    return { who: run, tool, processors, waitMs, settings };
  };
  const verifyDeps = async (repository: Repository, withDump = true): Promise<VerifyDeps> => ({
    ...{ repository, clock, signal, progress, childEnvironment, operator: who.operator },
    dumpReader: withDump ? await base.dumpReader() : null,
  });
  const pruneDeps = async (): Promise<PruneDeps> => {
    const { backupsOfRunning } = await import('../runs/record.js');
    const repository = await base.repository();
    return {
      ...{ repository, clock, signal, changes },
      restoring: () => backupsOfRunning(repository),
      clockOffMs: () => clockOffMs(base),
    };
  };
  const requestOf = async (options: Partial<CreateOptions>): Promise<CreateRequest> => {
    const { createRequest, DEFAULT_OPTIONS } = await import('./create-request.js');
    return createRequest(await base.settings(), { ...DEFAULT_OPTIONS, ...options }, runner(base.nextRun()));
  };
  const choiceOf = async ({ id, fromSet }: Reference, globs: readonly string[]): Promise<Choice> => ({
    ...{ reference: id, fromSet: fromSet ?? null, globs },
    at: { ...targetOf(await base.settings()), filesPath: null },
  });
  const referenceOf = async ({ id, fromSet }: Reference) => ({
    ...{ reference: id, fromSet: fromSet ?? null },
    at: targetOf(await base.settings()),
  });
  const pinOf = async (reference: Reference, reason: string | undefined) => ({
    deps: { repository: await base.repository(), clock, operator: who.operator },
    request: { ...(await referenceOf(reference)), reason: reason ?? null },
  });
  const createDeps = async ({ database }: CreateRequest): Promise<CreateDeps> =>
    wireCreate(base, await pruneDeps(), database, async (repository, id, level) => {
      const { verifyBackup } = await import('./verify.js');
      const readBack = level === 'quick';
      return verifyBackup({ ...(await verifyDeps(repository, database && !readBack)), readBack }, id, level);
    });

  const backup: Backup = {
    create: (options = {}) =>
      guarded(base, 'backup create', async () => {
        const { prepareBackup } = await import('./create.js');
        const request = await requestOf(options);
        return prepareBackup(await createDeps(request), request);
      }),
    async list({ allSets = false, status = null, backupDir } = {}) {
      const { listBackups } = await import('./listing.js');
      const at = targetOf(await base.settings());
      return listBackups(await base.repository(backupDir), { at, allSets, status, now: clock.now() });
    },
    async show(reference, withManifest = false) {
      const { showBackup } = await import('./show.js');
      const request = { ...(await referenceOf(reference)), withManifest, now: clock.now() };
      return showBackup(await base.repository(reference.backupDir), request);
    },
    async files(reference, glob) {
      const { showFiles } = await import('./show-files.js');
      const choice = await choiceOf(reference, [glob]);
      return showFiles({ repository: await base.repository(reference.backupDir), signal, clock }, choice);
    },
    async verify(reference, level = 'quick') {
      const { verifySelected } = await import('./verify-selected.js');
      const deps = await verifyDeps(await base.repository(reference.backupDir));
      return verifySelected(deps, await referenceOf(reference), level);
    },
    prune: (options) =>
      guarded(base, 'backup prune', async () => {
        const { plannedPrune, runPrune } = await import('./prune.js');
        const { refuseDefaultProfile } = await import('./prune-plan.js');
        const settings = await base.settings();
        const plan = await decisionOf(settings, options);
        const deps = await pruneDeps();
        const shown = await plan(deps);
        refuseDefaultProfile(settings.profile, shown);
        const request = { plan, runId: base.nextRun().runId, waitMs: host.waitMs };
        return { plan: shown, dryRun: async () => plannedPrune(shown), apply: () => runPrune(deps, request, shown) };
      }),
    pin: (reference, { reason, until } = {}) =>
      guarded(base, 'backup pin', async () => {
        const { preparePin } = await import('./pins.js');
        const { deps, request } = await pinOf(reference, reason);
        return preparePin(deps, request, until);
      }),
    unpin: (reference, { reason } = {}) =>
      guarded(base, 'backup unpin', async () => {
        const { prepareUnpin } = await import('./pins.js');
        const { deps, request } = await pinOf(reference, reason);
        return prepareUnpin(deps, request);
      }),
    import: (options) =>
      guarded(base, 'backup import', async () => {
        const { importRequest, prepareImport } = await import('./imported/import.js');
        const request = importRequest(await base.settings(), options, runner(base.nextRun()));
        const { operator: _, ...deps } = await verifyDeps(await base.repository());
        return prepareImport({ ...deps, changes }, request);
      }),
  };
  const ports: RestorePorts = {
    async verifyStored(repository, id) {
      const { verifyBackup } = await import('./verify.js');
      const unrecorded = { ...repository, appendEvent: async () => {} };
      return verifyBackup(await verifyDeps(unrecorded), id, 'quick');
    },
    async backUpForSafety(parts, run) {
      const { prepareBackup } = await import('./create.js');
      const { safetyRequest } = await import('./create-request.js');
      const request = safetyRequest(await base.settings(), parts, runner(run));
      // The safety backup is not part of the requested change.
      const deps = { ...(await createDeps(request)), changes: createChanges() };
      const { id, degraded_reasons, verified } = await (await prepareBackup(deps, request)).apply();
      changes.note('safety backup', { changed: 'partial', detail: `the safety backup '${id}' is listed` });
      const doubts = [...degraded_reasons, ...(verified === false ? ['it could not be fully verified'] : [])];
      for (const doubt of doubts) progress({ kind: 'warning', text: `the safety backup ${id}: ${doubt}` });
      return id!;
    },
  };
  return { backup, ports };
}

/** Wires `create`. A killed restore is finished or undone before the backup starts; the lock is held by then. */
async function wireCreate(
  base: Base,
  { repository, restoring, clockOffMs }: PruneDeps,
  withDatabase: boolean,
  verify: (repository: Repository, id: string, level: VerifyLevel) => Promise<VerifyReport>,
): Promise<CreateDeps> {
  const { readAnchor } = await import('../journal/anchor.js');
  const { recoverRuns } = await import('../runs/recover.js');
  const { clock, signal, progress, childEnvironment, changes, who } = base.host;
  const { startWriters } = (await base.settings()).restore;
  return {
    ...{ repository, restoring, clockOffMs, clock, signal, progress, childEnvironment, changes, readAnchor },
    server: base.server,
    verify: (id, level) => verify(repository, id, level),
    async recover({ set, tree }) {
      const { repository: recorded } = await base.restorable();
      const server = withDatabase ? await base.server() : null;
      const run = { server, repository: recorded, clock, progress, changes, childEnvironment };
      return recoverRuns({ ...run, set, tree, startWriters, hostname: who.hostname, database: null });
    },
  };
}

/** Returns how to decide: by the given id, else by the policy. */
async function decisionOf(settings: Settings, options: PruneOptions): Promise<(deps: PruneDeps) => Promise<PrunePlan>> {
  const { id, fromSet = null, allSets = false } = options;
  const { prunePolicy, refuseRules } = await import('./keep-rules.js');
  if (id !== undefined) {
    const { planRemoval } = await import('./prune-by-hand.js');
    refuseRules(settings, options);
    return (deps) => planRemoval(deps, id, fromSet);
  }
  const { planPrune } = await import('./prune-plan.js');
  const policy = prunePolicy(settings, options);
  return (deps) => planPrune(deps, policy, { at: targetOf(settings), fromSet, allSets });
}

/** Returns null if no server can be asked: a prune works without one. */
async function clockOffMs({ server, host: { clock, signal } }: Base): Promise<number | null> {
  const { readClockOffset } = await import('../postgres/clock-offset.js');
  try {
    const session = await (await server()).session({ purpose: 'prune.clock' });
    try {
      return (await readClockOffset(session, clock))?.offMs ?? null;
    } finally {
      await session.close();
    }
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
