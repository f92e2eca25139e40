import { PotctlError } from '../../../src/kernel/errors.js';
import { nameOf } from '../../cli/parse/options.js';
import { KEEP_FLAGS } from './keep-flags.js';

/** What `backup prune --old-databases` takes of the command line. */
interface PreviousOptions {
  readonly oldDatabases: boolean;
  readonly run: readonly string[];
  readonly allSets: boolean;
  readonly fromSet: string | undefined;
}

/** Is it about what restores have kept? @throws E_USAGE together with flags that are about backups */
export function asksForPrevious(
  options: PreviousOptions & Readonly<Partial<Record<keyof typeof KEEP_FLAGS, unknown>>>,
): boolean {
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
