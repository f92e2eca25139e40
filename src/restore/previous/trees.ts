import { lstatSync } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { openTree } from '../../archive/tree.js';
import { walk } from '../../archive/walk.js';
import { fromErrno, isErrno } from '../../kernel/errors.js';
import type { RunRecord } from '../../runs/record.js';
import { realDisk } from '../../runs/tree/disk.js';
import { foldersOf } from '../../runs/tree/names.js';
import { keptRootOf } from '../../runs/tree/observe.js';
import { observeTree } from '../../runs/tree/tree.js';
import { findUntouchable, refuseUntouchable, removeTree } from '../../storage/remove-tree.js';

/** A folder with a previous tree that a run kept, or one that is named like it. */
export interface SeenTree {
  readonly path: string;
  /** null = unknown. */
  readonly record: RunRecord | null;
  readonly bytes: number | null;
  readonly lastWrite: string | null;
  /** What must not be removed with it; null = nothing. */
  readonly holds: string | null;
}

/** Finds the trees that runs kept in (or next to) their roots, and other folders with such names. */
export async function observeTrees(
  records: readonly RunRecord[],
  { filesPath, hostname }: { readonly filesPath: string | null; readonly hostname: string },
  signal: AbortSignal,
): Promise<SeenTree[]> {
  const roots = new Set(
    records.flatMap(({ files, hostname: host }) => (files === null || host !== hostname ? [] : [files.root])),
  );
  if (filesPath !== null) roots.add(path.resolve(filesPath));
  const found: SeenTree[] = [];
  for (const root of roots) {
    const kept = await observeTree({ root }).catch(() => null);
    for (const { run, path: folder } of kept?.beforeFolders ?? []) {
      const record = records.find(({ run_id, files }) => run_id === run && files?.root === root) ?? null;
      found.push({ path: folder, record, ...(await measure(folder, signal)) });
    }
  }
  for (const record of records.filter(({ hostname: host }) => host === hostname)) {
    for (const folder of halfRemoved(record)) found.push({ path: folder, record, ...(await measure(folder, signal)) });
  }
  return found;
}

async function measure(folder: string, signal: AbortSignal): Promise<Omit<SeenTree, 'path' | 'record'>> {
  const untouchable = await findUntouchable(folder).catch(() => null);
  const holds = untouchable && `"${untouchable.path}" in it is ${untouchable.what}`;
  let [bytes, newest] = [0, 0n];
  try {
    await walk({
      ...{ tree: openTree(folder), excludes: [], signal, skipped() {}, unreadable() {} },
      entry(entry) {
        bytes += entry.type === 'file' ? entry.stored : 0;
        if (entry.mtimeNs > newest) newest = entry.mtimeNs;
      },
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    return { bytes: null, lastWrite: null, holds };
  }
  return { bytes, lastWrite: new Date(Number(newest / 1_000_000n)).toISOString(), holds };
}

/** What an interrupted removal left: no undo mistakes it for a previous tree any more. */
function halfRemoved({ run_id: run, files }: RunRecord): string[] {
  if (files === null) return [];
  const name = `.potctl-pruned-${run}`;
  return [path.join(files.root, name), `${files.root}${name}`].filter(exists);
}

function exists(file: string): boolean {
  try {
    lstatSync(file);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/**
 * Removes a previous tree: first renames it so that nothing can find it, then removes its contents.
 *
 * @throws E_REFUSED if this would remove a repository, a mount point or another file system; E_FILES_DENIED, E_IO
 */
export async function removeKept({ path: folder, record }: Pick<SeenTree, 'path' | 'record'>): Promise<void> {
  const { run_id: run, files } = record!;
  const at = folder.lastIndexOf('.potctl-before-');
  const gone = at < 0 ? folder : `${folder.slice(0, at)}.potctl-pruned-${run}`;
  try {
    await refuseUntouchable(folder);
    if (folder !== gone) await rename(folder, gone);
    realDisk().syncFolder(path.dirname(gone));
    await removeTree(gone);
    if (folder === keptRootOf(files!.root, run)) return;
    await unlink(path.join(files!.root, foldersOf(run).journal)).catch((error: unknown) => {
      if (!isErrno(error, 'ENOENT')) throw error;
    });
  } catch (error) {
    throw fromErrno(error, `remove "${folder}"`);
  }
}
