import type { TreeEstimate } from './engine.js';
import { openTree } from './tree.js';
import { walk } from './walk.js';

/**
 * Counts the files and bytes that a backup of the tree would read. Only looks at metadata. Holes of sparse files are not counted.
 *
 * @throws E_FILES_MISSING, E_FILES_DENIED
 */
export async function estimateTree(request: {
  readonly root: string;
  readonly excludes: readonly string[];
  readonly signal: AbortSignal;
}): Promise<TreeEstimate> {
  let files = 0;
  let bytes = 0;
  await walk({
    ...request,
    tree: openTree(request.root),
    entry(entry) {
      if (entry.type !== 'file') return;
      files += 1;
      bytes += entry.stored;
    },
    skipped() {},
    unreadable() {},
  });
  return { files, bytes };
}
