import type { Base } from '../host/base.js';
import { guarded } from '../host/guarded.js';
import type { Who } from '../host/host.js';
import type { Check } from '../kernel/check.js';
import type { Prepared } from '../kernel/prepared.js';
import type { Repository } from '../repository/repository.js';
import type { RestoreDeps } from './deps.js';
import type { FilesOptions, FilesRestored } from './files/request.js';
import type { FilesPlan } from './files/restore-files.js';
import type { ListedRun } from './list.js';
import type { RestorePlan } from './plan/plan.js';
import type { JudgedPlan } from './plan/plan-restore.js';
import type { UndoPlan } from './plan/prepare-undo.js';
import type { OldPlan } from './previous/plan.js';
import type { OldRemoved } from './previous/remove.js';
import type { UndoOptions } from './requests.js';
import type { RestoreResult } from './run.js';
import type { TablesPlan } from './tables/plan.js';
import type { JudgedTablesPlan } from './tables/prepare.js';
import type { TablesOptions } from './tables/request.js';
import type { TablesResult } from './tables/run.js';
import type { UndoResult } from './undo.js';

/** What a restore needs of the backup domain. */
export interface BackupPorts {
  /** Verifies every stored byte of a backup against its manifest. */
  verifyStored(repository: Repository, id: string): Promise<{ readonly checks: readonly Check[] }>;
  /** Backs up the live data. @param run the run that replaces it @returns the id */
  backUpForSafety(parts: { readonly database: boolean; readonly files: boolean }, run: Who): Promise<string>;
}

/** A folder of backups of the old scripts, instead of the repository. */
interface From {
  readonly backupDir?: string | undefined;
}

/** Options for whole backups and for single tables; `tables` selects the latter. */
export type RunOptions = TablesOptions & From;

/** Plans, runs, undoes and lists restores. */
export interface Restore {
  /** What a restore would do, and its blockers. Changes nothing. */
  plan(options: RunOptions): Promise<JudgedPlan | JudgedTablesPlan>;
  /** @throws the blockers */
  run(options: RunOptions): Promise<Prepared<RestorePlan | TablesPlan, RestoreResult | TablesResult>>;
  /** Undoes a restore or an undo. */
  undo(options?: UndoOptions & From): Promise<Prepared<UndoPlan, UndoResult>>;
  /** Newest first. */
  list(from?: From): Promise<readonly ListedRun[]>;
  /** Restores single files into a directory. */
  files(options: FilesOptions): Promise<Prepared<FilesPlan, FilesRestored>>;
  /**
   * Removes previous databases and trees that restores kept.
   *
   * @param options `runs`: also these runs, even if their time is not over, by id or unique prefix; `everywhere`: of all targets in the repository
   */
  removePrevious(options?: {
    readonly runs?: readonly string[];
    readonly everywhere?: boolean;
  }): Promise<Prepared<OldPlan, OldRemoved>>;
}

/** Wires the restore use cases. Nothing is opened before one of them runs. */
export function openRestore(base: Base, backups: BackupPorts): Restore {
  const { host } = base;
  const { clock, signal, progress, changes, childEnvironment, processors, waitMs } = host;
  const runner = (who: Who) => ({ who, processors, waitMs, settings: host.settings });

  /** @param withServer false: only files are involved, and no server is contacted */
  const depsOf = async (run: Who, withServer: boolean, backupDir?: string): Promise<RestoreDeps> => {
    const { lockDatabase } = await import('../postgres/advisory-lock.js');
    const { readToc } = await import('../dump/toc.js');
    const { repository, recordsIn } = await base.restorable(backupDir);
    return {
      ...{ clock, signal, progress, changes, childEnvironment, repository, recordsIn },
      uninterrupted: host.uninterrupted,
      server: withServer ? await base.server() : null,
      lockDatabase: async (database) =>
        lockDatabase(await base.server(), database, { command: 'restore', waitMs, signal }),
      verify: (id) => backups.verifyStored(repository, id),
      safetyBackup: (parts) => backups.backUpForSafety(parts, run),
      // The dump reader may have listed the dump during verification; without one, the server's tools report what is missing.
      readToc: async (folder) => (await base.dumpReader())?.toc(folder) ?? readToc(await base.server(), folder, signal),
    };
  };
  const asked = async (options: RunOptions, run: () => Who) => {
    const { asksForTables, tablesRequest } = await import('./tables/request.js');
    const { restoreRequest } = await import('./requests.js');
    const settings = await base.settings();
    const who = run();
    if (asksForTables(options)) {
      const request = tablesRequest(settings, options, runner(who));
      return { tables: { request, deps: await depsOf(who, true, options.backupDir) } };
    }
    const request = restoreRequest(settings, options, runner(who));
    return { whole: { request, deps: await depsOf(who, request.only !== 'files', options.backupDir) } };
  };

  return {
    async plan(options) {
      const { tables, whole } = await asked(options, base.plannedRun);
      if (tables !== undefined) {
        const { planTables } = await import('./tables/prepare.js');
        return planTables(tables.deps, tables.request);
      }
      const { planRestore } = await import('./plan/plan-restore.js');
      return planRestore(whole.deps, whole.request);
    },
    run: (options) =>
      guarded<RestorePlan | TablesPlan, RestoreResult | TablesResult>(base, 'restore run', async () => {
        const { tables, whole } = await asked(options, base.nextRun);
        return tables === undefined ? prepareWhole(whole) : prepareTables(tables);
      }),
    undo: ({ backupDir, ...options } = {}) =>
      guarded(base, 'restore undo', async () => {
        const { readyUndo } = await import('./plan/prepare-undo.js');
        const { undoRequest } = await import('./requests.js');
        const { plannedUndo, runUndo } = await import('./undo.js');
        const who = base.nextRun();
        const request = undoRequest(await base.settings(), options, runner(who));
        const deps = await depsOf(who, true, backupDir);
        const ready = await readyUndo(deps, request);
        return { plan: ready.plan, dryRun: async () => plannedUndo(ready), apply: () => runUndo(deps, request, ready) };
      }),
    async list({ backupDir } = {}) {
      const { listRuns } = await import('./list.js');
      return listRuns(await base.repository(backupDir), base.server);
    },
    files: (options) =>
      guarded(base, 'restore files', async () => {
        const { prepareFiles } = await import('./files/restore-files.js');
        const { filesRequest } = await import('./files/request.js');
        const { readHostIdentity } = await import('../kernel/host-identity.js');
        const request = filesRequest(await base.settings(), options, runner(base.nextRun()));
        const owner = await readHostIdentity(host.pid);
        const repository = await base.repository();
        return prepareFiles({ repository, clock, signal, progress, childEnvironment, owner }, request);
      }),
    removePrevious: ({ runs = [], everywhere = false } = {}) =>
      guarded(base, 'backup prune', async () => {
        const { plannedRemoval, readyOld, removeOld } = await import('./previous/remove.js');
        const { connection, files, profile } = await base.settings();
        const who = base.nextRun();
        const { runId, hostname } = who;
        const target = { database: connection.database, filesPath: files?.path ?? null };
        const request = { ...target, runId, hostname, waitMs, runs, everywhere, profile };
        const deps = await depsOf(who, true);
        const plan = await readyOld(deps, request);
        return { plan, dryRun: async () => plannedRemoval(plan), apply: () => removeOld(deps, request, plan) };
      }),
  };
}

type Whole = { readonly deps: RestoreDeps; readonly request: Parameters<typeof import('./run.js').runRestore>[1] };
type Tables = {
  readonly deps: RestoreDeps;
  readonly request: Parameters<typeof import('./tables/run.js').runTables>[1];
};

async function prepareWhole({ deps, request }: Whole): Promise<Prepared<RestorePlan, RestoreResult>> {
  const { readyRestore } = await import('./plan/plan-restore.js');
  const { plannedRestore, runRestore } = await import('./run.js');
  const ready = await readyRestore(deps, request);
  return {
    plan: ready.plan,
    dryRun: async () => plannedRestore(deps, request, ready),
    apply: () => runRestore(deps, request, ready),
  };
}

async function prepareTables({ deps, request }: Tables): Promise<Prepared<TablesPlan, TablesResult>> {
  const { readyTables } = await import('./tables/prepare.js');
  const { plannedTables, runTables } = await import('./tables/run.js');
  const ready = await readyTables(deps, request);
  return {
    plan: ready.plan,
    dryRun: async () => plannedTables(ready),
    apply: () => runTables(deps, request, ready),
  };
}
