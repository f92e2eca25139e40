import { constants } from 'node:fs';
import { access, readdir, realpath, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { readList } from '../../archive/list.js';
import type { FilesPart } from '../../catalog/manifest.js';
import { stagedTreePath } from '../../runs/names.js';
import { findUnmovable, observeTree, type TreeObservation, unmovableFix, unmovableText } from '../../runs/tree/tree.js';
import { MARKER, repositoryAround } from '../../storage/marker.js';
import { overlapOf } from '../../storage/place.js';
import type { RestoreRequest } from '../deps.js';
import { expectedLosses } from '../losses.js';
import type { Assessment, Blocker } from './assess.js';
import type { PlannedFiles } from './plan.js';

/** The plan for the files. */
export interface FilesPlan extends Assessment {
  readonly planned: PlannedFiles;
}

/** Inspects the tree and plans the restore of the files. Changes nothing. @throws E_FILES_DENIED, E_REFUSED (a damaged swap journal) */
export async function planFiles(
  { mode, runId }: RestoreRequest,
  { part, folder }: { readonly part: FilesPart; readonly folder: string },
  directory: string,
  repositoryUrl: string,
): Promise<FilesPlan> {
  const root = path.resolve(directory);
  const observed = await observeTree({ root });
  const freeBytes = await freeBytesAt(root);
  const blocking: Blocker[] = await placeBlockers(root, repositoryUrl);
  if (blocking.length === 0) blocking.push(...(await unmovableBlockers(root, observed)));
  if (mode === 'new' && observed.exists && (await readdir(root)).length > 0) {
    blocking.push({ code: 'E_BLOCKED', text: `"${root}" is not empty`, fix: ['Choose a new directory.'] });
  }
  if (freeBytes !== null && freeBytes < part.bytes) {
    const text = `the restored files need ${part.bytes} bytes, but "${root}" has only ${freeBytes} bytes free`;
    blocking.push({ code: 'E_NO_SPACE', text, fix: ['Free some space there.'] });
  }
  const excluded = part.excludes.map(
    (glob) => `"${glob}" is excluded from backups: matching live files will be moved aside`,
  );
  return {
    blocking,
    warnings: [...(mode === 'new' ? [] : excluded), ...(await expectedLosses(readList(folder, part)))],
    planned: {
      root,
      stagedAt: mode === 'new' ? stagedTreePath(root, runId) : null,
      present: observed.exists ? { entries: observed.entries } : null,
      files: part.files,
      neededBytes: part.bytes,
      freeBytes,
    },
  };
}

/** What the tree contains that a swap cannot or must not move. @throws E_FILES_* */
export async function unmovableBlockers(root: string, { nestedMounts }: TreeObservation): Promise<Blocker[]> {
  const mounts = nestedMounts.map((point) => ({ path: point, what: 'a mount point' as const }));
  const other = mounts.length > 0 ? null : await findUnmovable(root);
  return [...mounts, ...(other === null ? [] : [other])].map((found) => ({
    code: 'E_BLOCKED',
    text: unmovableText(found),
    fix: [unmovableFix(found)],
  }));
}

/** Problems that would otherwise show only after hours of pg_restore. */
async function placeBlockers(root: string, repositoryUrl: string): Promise<Blocker[]> {
  const found: Blocker[] = [];
  if (path.isAbsolute(repositoryUrl) && overlapOf(repositoryUrl, root) !== null) {
    const text = `the repository "${repositoryUrl}" and the files "${root}" overlap: one is inside the other`;
    found.push({ code: 'E_REFUSED', text, fix: ['Choose another directory, or another repository.'] });
  }
  const folder = await nearestFolder(root);
  const around = found.length > 0 ? null : repositoryAround(await realpath(folder).catch(() => folder));
  if (around !== null) {
    const text = `the files "${root}" are inside the backup repository "${around}"`;
    const marker = `"${around}/${MARKER}" marks a repository, or cannot be read`;
    found.push({ code: 'E_REFUSED', text: `${text}: ${marker}`, fix: ['Choose another directory.'] });
  }
  const mayWrite = await access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!mayWrite) {
    const text = `"${folder}" is not writable by this user`;
    found.push({ code: 'E_FILES_DENIED', text, fix: ['Run as the user that owns it, or fix its permissions.'] });
  }
  return found;
}

/** The folder itself, or its nearest existing parent. */
async function nearestFolder(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => null);
  return found !== null || folder === path.dirname(folder) ? folder : nearestFolder(path.dirname(folder));
}

/** Free space at the tree's location. */
async function freeBytesAt(folder: string): Promise<number | null> {
  const space = await statfs(await nearestFolder(folder)).catch(() => null);
  return space === null ? null : space.bavail * space.bsize;
}
