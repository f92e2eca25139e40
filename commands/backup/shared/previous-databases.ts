import { PotctlError } from '../../../src/kernel/errors.js';
import type { OldPlan, OldRequest } from '../../../src/restore/previous/plan.js';
import type { OldRemoved } from '../../../src/restore/previous/remove.js';
import { nameOf } from '../../cli/parse/options.js';
import type { Context } from '../../context.js';
import { restoreDeps } from '../../restore-dependencies.js';
import { KEEP_FLAGS } from './keep-flags.js';

/** What `backup prune --old-databases` takes of the command line. */
interface OldOptions {
  readonly oldDatabases: boolean;
  readonly run: readonly string[];
  readonly allSets: boolean;
  readonly fromSet: string | undefined;
}

/** Is it about what restores have kept? @throws E_USAGE together with flags that are about backups */
export function asksForOld(options: OldOptions & Readonly<Partial<Record<keyof typeof KEEP_FLAGS, unknown>>>): boolean {
  if (!options.oldDatabases) {
    if (options.run.length === 0) return false;
    throw new PotctlError('E_USAGE', "'--run' belongs to '--old-databases'");
  }
  const others = { ...KEEP_FLAGS, fromSet: { declaration: '--from-set <name>' } };
  const clash = Object.entries(others).find(
    ([key]) => key !== 'maxRemove' && (options as unknown as Record<string, unknown>)[key] !== undefined,
  );
  if (clash === undefined) return true;
  throw new PotctlError('E_USAGE', `'--old-databases' and '--${nameOf(clash[1].declaration)}' exclude each other`, {
    why: 'what a restore has kept is no backup: no policy of backups speaks of it',
  });
}

/** What would be removed. */
export async function planOldOnes(options: OldOptions, context: Context): Promise<OldPlan> {
  const { readyOld } = await import('../../../src/restore/previous/remove.js');
  return readyOld(await restoreDeps(context), await requestOf(options, context, true));
}

/** Removes it. */
export async function removeOldOnes(
  options: OldOptions,
  context: Context,
  dryRun: boolean,
  plan: OldPlan,
): Promise<OldRemoved> {
  const { removeOld } = await import('../../../src/restore/previous/remove.js');
  return removeOld(await restoreDeps(context), await requestOf(options, context, dryRun), plan);
}

async function requestOf(
  { run: runs, allSets: everywhere }: OldOptions,
  context: Context,
  dryRun: boolean,
): Promise<OldRequest> {
  const { connection, files, profile } = await context.settings();
  const { runId, hostname, waitMs } = context;
  const at = { database: connection.database, filesPath: files?.path ?? null };
  return { ...{ runId, hostname, waitMs, dryRun, runs, everywhere, profile }, ...at };
}
