import type { JudgedPlan } from '../../../src/restore/plan/plan-restore.js';
import type { PreparedRestore } from '../../../src/restore/plan/prepare.js';
import type { RestoreResult } from '../../../src/restore/run.js';
import type { JudgedTablesPlan, PreparedTables } from '../../../src/restore/tables/prepare.js';
import type { TablesOptions } from '../../../src/restore/tables/request.js';
import type { TablesResult } from '../../../src/restore/tables/run.js';
import type { Context } from '../../context.js';
import { occasionOf, restoreDeps } from '../../restore-dependencies.js';

/** What is asked for, and where a set of the old scripts lies. */
type Options = TablesOptions & { readonly backupDir: string | undefined };

/** Whole backups and single tables are asked for by the same command lines: these choose. */
export async function judgedPlan(options: Options, context: Context): Promise<JudgedPlan | JudgedTablesPlan> {
  const { planTables } = await import('../../../src/restore/tables/prepare.js');
  const { planRestore } = await import('../../../src/restore/plan/plan-restore.js');
  const asked = await requestOf(options, context, true);
  if ('tables' in asked) return planTables(await restoreDeps(context, true, options.backupDir), asked.tables);
  return planRestore(await restoreDeps(context, asked.whole.only !== 'files', options.backupDir), asked.whole);
}

/** The plan of a run that follows. @throws what stands in the way */
export async function readyRun(options: Options, context: Context): Promise<PreparedRestore | PreparedTables> {
  const { readyTables } = await import('../../../src/restore/tables/prepare.js');
  const { readyRestore } = await import('../../../src/restore/plan/plan-restore.js');
  const asked = await requestOf(options, context, true);
  if ('tables' in asked) return readyTables(await restoreDeps(context, true, options.backupDir), asked.tables);
  return readyRestore(await restoreDeps(context, asked.whole.only !== 'files', options.backupDir), asked.whole);
}

/** Runs what was prepared. */
export async function runPrepared(
  options: Options,
  context: Context,
  dryRun: boolean,
  prepared: PreparedRestore | PreparedTables,
): Promise<RestoreResult | TablesResult> {
  const { runTables } = await import('../../../src/restore/tables/run.js');
  const { runRestore } = await import('../../../src/restore/run.js');
  const asked = await requestOf(options, context, dryRun);
  if ('tables' in asked)
    return runTables(await restoreDeps(context, true, options.backupDir), asked.tables, prepared as PreparedTables);
  const deps = await restoreDeps(context, asked.whole.only !== 'files', options.backupDir);
  return runRestore(deps, asked.whole, prepared as PreparedRestore);
}

async function requestOf(options: Options, context: Context, dryRun: boolean) {
  const { asksForTables, tablesRequest } = await import('../../../src/restore/tables/request.js');
  const { restoreRequest } = await import('../../../src/restore/requests.js');
  const settings = await context.settings();
  const occasion = occasionOf(context, dryRun);
  if (asksForTables(options)) return { tables: tablesRequest(settings, options, occasion) };
  return { whole: restoreRequest(settings, options, occasion) };
}
