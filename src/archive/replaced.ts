import type { FilesPart } from '../catalog/manifest.js';
import type { BytePath } from './byte-path.js';
import { readList } from './list.js';
import { pathOf } from './listed-file.js';

/** Files that a later member of the archive replaces. */
export interface Replaced {
  /**
   * Returns the SHA-256 of the file at `path` when line `index` of the list was extracted, if a later line replaces it: a hard link made at
   * that time keeps the old content. undefined if it is the final file.
   */
  contentOf(path: BytePath, index: number): string | undefined;
}

/** Reads which members were replaced: files that changed during the backup, so usually few. @throws ArchiveDamage */
export async function readReplaced(folder: string, part: FilesPart, signal: AbortSignal): Promise<Replaced> {
  const versions = new Map<BytePath, { readonly index: number; readonly sha256: string | undefined }[]>();
  let index = 0;
  for await (const file of readList(folder, part, signal)) {
    const path = pathOf(file);
    const known = versions.get(path);
    const version = { index, sha256: file.superseded ? file.sha256 : undefined };
    if (known) known.push(version);
    else if (file.superseded && file.type === 'file') versions.set(path, [version]);
    index += 1;
  }
  return { contentOf: (path, at) => versions.get(path)?.findLast((version) => version.index <= at)?.sha256 };
}
