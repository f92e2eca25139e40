import { PotctlError } from '../kernel/errors.js';
import type { CreateDeps, CreateRequest } from './create.js';

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
  for (const { check, detail } of checks.filter(({ state }) => state === 'unknown')) {
    progress({ kind: 'warning', text: `the backup was not checked for "${check}": ${detail}` });
  }
  const failed = checks.filter(({ state }) => state === 'fail');
  if (failed.length === 0) return ok;
  throw new PotctlError('E_BACKUP_CORRUPT', `backup "${id}" is not what was just written to "${repository.url}"`, {
    changed: 'partial',
    changedDetail: 'the backup is listed with its failed check; older ones are as they were',
    why: failed.map(({ check, detail }) => `${check}: ${detail}`).join('; '),
    fix: ['Check the disk and the memory of this machine.', 'potctl backup create'],
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
