import path from 'node:path';
import { PotctlError } from '../errors.js';

/** A repository inside the tree would back itself up, and a restore would move it away. @throws PotctlError E_REFUSED */
export function refuseRepositoryInside(repository: string, tree: string | undefined): void {
  if (tree === undefined || !path.isAbsolute(repository)) return;
  const relative = path.relative(tree, repository);
  if (relative.startsWith('..') || path.isAbsolute(relative)) return;
  throw new PotctlError('E_REFUSED', `the repository "${repository}" lies inside the files "${tree}"`, {
    why: 'every backup would contain all backups, and a restore would move the repository away',
    fix: ['Name a repository outside of the files with --repository.'],
  });
}
