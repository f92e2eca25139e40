import { readCatalog, readManifest } from '../catalog/catalog.js';
import type { Artifact, Manifest, TableRows } from '../catalog/manifest.js';
import { selectBackup } from '../catalog/selection.js';
import { type SetFacts, setsAtHand } from '../catalog/sets.js';
import type { BackupEvent, Repository } from '../repository/repository.js';
import { describe, type ListedBackup } from './listing.js';

/** Everything about one backup. */
export interface ShownBackup extends ListedBackup {
  /** Largest first. */
  readonly tables: readonly TableRows[];
  readonly extensions: readonly string[];
  readonly roles: readonly string[];
  readonly snapshot: Manifest['snapshot'];
  readonly consistency: Manifest['consistency'];
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly incomplete: readonly { readonly path: string; readonly reason: string }[];
  readonly artefacts: readonly Artifact[];
  /** Oldest first. */
  readonly events: readonly BackupEvent[];
  readonly previous: string | null;
  /** The stored manifest, with fields that this version does not know; null unless requested. */
  readonly manifest: Manifest | null;
  readonly warnings: readonly string[];
}

export interface ShowRequest {
  /** An id, a unique part of it, `latest`, `latest~1`. */
  readonly reference: string;
  readonly fromSet: string | null;
  readonly at: Omit<SetFacts, 'systemIdentifier'>;
  readonly withManifest: boolean;
  readonly now: Date;
}

/**
 * Shows one backup. An id is searched in every series, since reading is harmless; `latest` stays within the current series if that is known
 * without asking a server.
 *
 * @throws PotctlError E_BACKUP_NOT_FOUND, E_MANIFEST, E_REPOSITORY_FORMAT
 */
export async function showBackup(repository: Repository, request: ShowRequest): Promise<ShownBackup> {
  const { reference, fromSet, at, withManifest } = request;
  const entries = await readCatalog(repository);
  const [fitting, ...others] = reference.startsWith('latest') ? setsAtHand(entries, at) : [];
  const set = fitting !== undefined && others.length === 0 ? fitting : null;
  const { entry, warnings } = selectBackup(entries, reference, { set, fromSet, now: request.now });
  const manifest = await readManifest(repository, entry.id);
  return {
    ...describe(entry, repository, request.now),
    ...detailsOf(manifest),
    events: entry.events,
    manifest: withManifest ? manifest : null,
    warnings,
  };
}

function detailsOf({ database, storage, snapshot, consistency, previous }: Manifest) {
  const tables = [...(database?.inventory.tables ?? [])].sort((a, b) => b.bytes - a.bytes);
  return {
    ...{ tables, snapshot, consistency, previous },
    extensions: (database?.extensions ?? []).map(({ name, version }) => `${name} ${version}`),
    roles: database?.roles ?? [],
    skipped: storage?.skipped ?? [],
    incomplete: storage?.incomplete ?? [],
    artefacts: [...(database?.files ?? []), ...(storage?.artefacts ?? [])],
  };
}
