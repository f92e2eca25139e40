import path from 'node:path';
import { type CatalogEntry, readCatalog, readManifest } from '../catalog/catalog.js';
import type { FilesPart } from '../catalog/manifest.js';
import { selectBackup } from '../catalog/selection.js';
import { allSets, type SetFacts, setsAtHand } from '../catalog/sets.js';
import type { Clock } from '../kernel/clock.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, again, potctl } from '../kernel/next.js';
import type { Repository } from '../repository/repository.js';
import { hashFile } from '../storage/hash.js';
import { nearPaths } from './near-paths.js';
import { type Picked, pickMembers } from './pick.js';

/** Which members of which backup. */
export interface Choice {
  /** An id, a unique beginning of one, `latest` or `latest~N`. */
  readonly reference: string;
  readonly fromSet: string | null;
  readonly at: Omit<SetFacts, 'systemIdentifier'>;
  /** Relative to the tree; a directory selects everything in it. */
  readonly globs: readonly string[];
}

/** The selected members, and where the backup is. */
export interface Chosen {
  readonly backup: string;
  /** Local folder with the backup's artifacts. */
  readonly folder: string;
  readonly part: FilesPart;
  readonly picked: Picked;
  readonly warnings: readonly string[];
}

/**
 * Finds a backup and its members in the list of its files, after checking that list against the manifest.
 *
 * @throws E_BACKUP_NOT_FOUND, E_PIECE_NOT_FOUND (with similar paths), E_UNFIT (a backup without files), E_BACKUP_CORRUPT, E_REFUSED
 */
export async function chooseFiles(
  {
    repository,
    signal,
    clock,
  }: { readonly repository: Repository; readonly signal: AbortSignal; readonly clock: Clock },
  { reference, fromSet, at, globs }: Choice,
): Promise<Chosen> {
  const entries = await readCatalog(repository);
  const set = fromSet === null ? setFor(entries, at) : null;
  const { entry, warnings } = selectBackup(entries, reference, { set, fromSet, now: clock.now(), part: 'files' });
  const { storage } = await readManifest(repository, entry.id);
  if (storage?.engine === 'tar') {
    throw new PotctlError('E_UNFIT', `single files cannot be restored from the imported archive of '${entry.id}'`, {
      fix: [
        advice`Restore all of them into another directory: ${potctl('restore', 'run', entry.id, '--mode', 'new', '--only', 'files', '--into-files', 'DIR')}`,
      ],
    });
  }
  const part = storage as FilesPart | null;
  if (part === null) {
    throw new PotctlError('E_UNFIT', `the backup '${entry.id}' has no files`, {
      fix: [advice`Choose another backup: ${potctl('backup', 'list')}.`],
    });
  }
  const folder = await repository.artifacts(entry.id);
  await checkList(folder, part, signal);
  const picked = await pickMembers(folder, part, globs, signal);
  const [missing] = picked.unmatched;
  if (missing !== undefined) throw nothingNamed(entry.id, missing, await nearPaths(folder, part, missing, signal));
  return { backup: entry.id, folder, part, picked, warnings };
}

/** Returns the series that matches without asking a server; null = nothing is known, and there is only one. */
function setFor(entries: readonly CatalogEntry[], at: Choice['at']): string | null {
  const fitting = setsAtHand(entries, at);
  const sets = fitting.length > 0 ? fitting : allSets(entries);
  if (sets.length <= 1) return fitting[0] ?? null;
  throw new PotctlError('E_REFUSED', 'the repository has backups of several series', {
    fix: sets.slice(0, 5).map((set) => advice`Choose one: ${again('--from-series', set)}`),
  });
}

async function checkList(folder: string, part: FilesPart, signal: AbortSignal): Promise<void> {
  const stored = part.artefacts.find((artifact) => artifact.path === part.list_file)!;
  const found = await hashFile(path.join(folder, part.list_file), signal);
  if (found.sha256 === stored.sha256 && found.size === stored.size) return;
  throw new PotctlError('E_BACKUP_CORRUPT', `the list "${part.list_file}" of the backup's files is damaged`, {
    why: 'its SHA-256 differs from the manifest',
  });
}

function nothingNamed(backup: string, glob: string, near: readonly string[]): PotctlError {
  return new PotctlError('E_PIECE_NOT_FOUND', `'${glob}' matches nothing in the backup '${backup}'`, {
    fix: [
      ...(near.length === 0 ? [] : [`Did you mean ${near.map((name) => `'${name}'`).join(' or ')}?`]),
      "To match at any depth: '**/name'",
      advice`List its files: ${potctl('backup', 'show', backup, '--files', '**')}`,
    ],
  });
}
