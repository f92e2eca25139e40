import { type GoodEntry, readCatalog, readManifest } from '../../backup/catalog.js';
import type { Manifest } from '../../backup/manifest.js';
import { selectBackup } from '../../backup/selection.js';
import type { RestoreDeps, RestoreRequest } from '../deps.js';
import { targetSet } from './target-set.js';

/** The backup that a restore takes from. */
export interface ChosenBackup {
  /** Of the target, which is not always the backup's own. */
  readonly set: string;
  readonly entry: GoodEntry;
  readonly manifest: Manifest;
  readonly warnings: readonly string[];
}

/**
 * Finds the backup that a person means, within the set of the target.
 *
 * @throws E_BACKUP_NOT_FOUND, E_REFUSED (another set), E_MANIFEST, E_DB_*
 */
export async function chooseBackup(
  deps: RestoreDeps,
  request: Pick<RestoreRequest, 'reference' | 'fromSet' | 'files'> & Omit<Parameters<typeof targetSet>[1], 'filesPath'>,
): Promise<ChosenBackup> {
  const { repository } = deps;
  const entries = await readCatalog(repository);
  const set = await targetSet(deps, { ...request, filesPath: request.files?.path ?? null }, entries);
  const { entry, warnings } = selectBackup(entries, request.reference, { set, fromSet: request.fromSet });
  await repository.complete?.(entry.id);
  return { set, entry, warnings, manifest: await readManifest(repository, entry.id) };
}
