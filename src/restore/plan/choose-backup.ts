import { type CatalogEntry, type GoodEntry, readCatalog, readManifest } from '../../catalog/catalog.js';
import type { Manifest } from '../../catalog/manifest.js';
import { type SelectionScope, selectBackup } from '../../catalog/selection.js';
import { findSet, setsAtHand } from '../../catalog/sets.js';
import { isGood } from '../../catalog/standing.js';
import { PotctlError } from '../../kernel/errors.js';
import { type Advice, advice, again, potctl } from '../../kernel/next.js';
import { readSystemIdentifier } from '../../runs/database/system-identifier.js';
import type { Asked, RestoreDeps, RestoreRequest } from '../deps.js';

/** The backup to restore from. */
export interface ChosenBackup {
  /** The series of the target, which is not always the backup's own. */
  readonly set: string;
  readonly entry: GoodEntry;
  readonly manifest: Manifest;
  readonly warnings: readonly Advice[];
}

type Wanted = Pick<RestoreRequest, 'reference' | 'fromSet' | 'files'> &
  Partial<Pick<RestoreRequest, 'only'>> &
  Omit<Parameters<typeof targetSet>[1], 'filesPath'>;

/**
 * Finds the requested backup in the series of the target: `latest` is the newest good one that has the requested parts.
 *
 * @param request without `only`, single tables are requested
 * @throws E_BACKUP_NOT_FOUND, E_REFUSED (another series), E_MANIFEST, E_DB_*
 */
export async function chooseBackup(deps: RestoreDeps, request: Wanted): Promise<ChosenBackup> {
  const { repository, clock } = deps;
  const { reference, fromSet, files, only = 'db' } = request;
  const entries = await readCatalog(repository);
  const set = await targetSet(deps, { ...request, filesPath: files?.path ?? null }, entries);
  const scope = { set, fromSet, now: clock.now() };
  const part = only === null ? undefined : only === 'db' ? 'database' : 'files';
  const { entry, warnings } = selectBackup(entries, reference, { ...scope, part });
  const older = only === null && files !== null && entry.manifest.storage === null ? withFiles(entries, scope) : [];
  await repository.complete?.(entry.id);
  return { set, entry, warnings: [...warnings, ...older], manifest: await readManifest(repository, entry.id) };
}

/** If database-only backups are newer than those with files, restoring both takes two commands. */
function withFiles(entries: readonly CatalogEntry[], { set, fromSet, now }: Omit<SelectionScope, 'part'>): Advice[] {
  const newest = entries.find(
    (entry) => isGood(entry, now) && entry.manifest.set === (fromSet ?? set) && entry.manifest.storage !== null,
  );
  if (newest === undefined) return [];
  return [
    advice`the newest good backup with files is '${newest.id}'; to restore these: ${potctl('restore', 'run', newest.id, '--only', 'files')}`,
  ];
}

/**
 * The series of the target of a restore or undo. If no server is used or it is unreachable, the names decide.
 *
 * @throws E_REFUSED if they match several series
 */
export async function targetSet(
  { server }: Pick<RestoreDeps, 'server'>,
  { profile, database, filesPath }: Pick<Asked, 'profile' | 'database'> & { readonly filesPath: string | null },
  entries: readonly CatalogEntry[],
): Promise<string> {
  const facts = { profile: profile.name, database, filesPath };
  if (server === null || database === null) return setByName(entries, facts);
  const systemIdentifier = profile.name === null ? await readSystemIdentifier(server).catch(ifUnreachable) : null;
  return findSet(entries, { ...facts, systemIdentifier });
}

function setByName(
  entries: readonly CatalogEntry[],
  facts: { readonly profile: string | null; readonly database: string | null; readonly filesPath: string | null },
): string {
  const [first, ...others] = setsAtHand(entries, facts);
  if (first === undefined) return findSet(entries, { ...facts, systemIdentifier: null });
  if (others.length === 0) return first;
  throw new PotctlError('E_REFUSED', 'backups of several series match this target', {
    fix: [first, ...others].map((set) => advice`To choose one: ${again('--from-series', set)}`),
  });
}

function ifUnreachable(error: unknown): null {
  if (error instanceof PotctlError && error.code === 'E_DB_UNREACHABLE') return null;
  throw error;
}
