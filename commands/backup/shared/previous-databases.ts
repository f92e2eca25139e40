import { PotctlError } from '../../../src/kernel/errors.js';
import { nameOf } from '../../cli/parse/options.js';
import { KEEP_FLAGS } from './keep-flags.js';

/** The options that `backup prune --old-databases` looks at. */
interface PreviousOptions {
  readonly oldDatabases: boolean;
  readonly run: readonly string[];
  readonly allSets: boolean;
  readonly fromSet: string | undefined;
}

/**
 * True if the command line is about what restores kept, not about backups.
 *
 * @throws E_USAGE for --old-databases together with flags that are about backups, and for --run without --old-databases
 */
export function asksForPrevious(
  options: PreviousOptions & Readonly<Partial<Record<keyof typeof KEEP_FLAGS, unknown>>>,
): boolean {
  if (!options.oldDatabases) {
    if (options.run.length === 0) return false;
    throw new PotctlError('E_USAGE', "'--run' works only with '--old-databases'");
  }
  const others = { ...KEEP_FLAGS, fromSet: { declaration: '--from-series <name>' } };
  const clash = Object.entries(others).find(
    ([key]) => key !== 'maxRemove' && (options as unknown as Record<string, unknown>)[key] !== undefined,
  );
  if (clash === undefined) return true;
  throw new PotctlError(
    'E_USAGE',
    `'--old-databases' and '--${nameOf(clash[1].declaration)}' cannot be used together`,
    {
      why: 'a database kept by a restore is not a backup, so no retention policy applies to it',
    },
  );
}
