import { isUtf8 } from 'node:buffer';
import { rmdirSync, unlinkSync } from 'node:fs';
import { type BytePath, toBytes } from '../../archive/byte-path.js';
import { isErrno } from '../../kernel/errors.js';
import { applyAttributes, readAttributes } from '../../runs/tree/attributes.js';
import { makeWritable } from '../../runs/tree/converge.js';
import { realDisk } from '../../runs/tree/disk.js';
import { at, ownName } from '../../runs/tree/names.js';

/**
 * Removes files from the staging folder that were unpacked only as the target of a hard link, and directories that are empty afterwards. The
 * directories above keep their times.
 */
export async function removeStrays(
  staged: string,
  strays: readonly BytePath[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  for (const stray of strays) {
    // Programs accept only text as a path; other directories may get the time of the restore.
    const folders = foldersAbove(stray).filter((folder) => isUtf8(toBytes(folder)));
    const paths = folders.map((folder) => `${staged}/${toBytes(folder).toString('utf8')}`);
    const attributes: string[] = [];
    for (const folder of paths) attributes.push(await readAttributes(folder, environment));
    if (paths[0] !== undefined) makeWritable(realDisk(), paths[0]);
    unlinkSync(at(staged, ownName(stray)));
    const kept = paths.findIndex((folder) => !removedEmpty(folder));
    if (kept >= 0) await applyAttributes(paths[kept]!, attributes[kept]!, environment);
  }
}

/** `a/b/c` → `a/b`, `a` */
function foldersAbove(path: BytePath): BytePath[] {
  const segments = path.split('/').slice(0, -1);
  return segments.map((_, index) => segments.slice(0, segments.length - index).join('/'));
}

function removedEmpty(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}
