import { readdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { FilesPart } from '../../backup/manifest.js';
import { fromErrno, isErrno } from '../../errors.js';
import type { RestoreRequest } from '../deps.js';
import { stagedTreePath } from '../names.js';
import { observeTree } from '../tree/tree.js';
import type { Assessment, Blocker } from './assess.js';
import type { PlannedFiles } from './plan.js';

/** The files' part of the plan. */
export interface FilesPlan extends Assessment {
  readonly planned: PlannedFiles;
}

/** Looks at the tree and plans the files' restore. Changes nothing. @throws E_FILES_DENIED, E_REFUSED (a damaged swap journal) */
export async function planFiles(
  { mode, runId }: RestoreRequest,
  part: FilesPart,
  directory: string,
): Promise<FilesPlan> {
  const root = path.resolve(directory);
  const observed = await observeTree({ root });
  const freeBytes = await freeBytesAt(root);
  const blocking: Blocker[] = observed.nestedMounts.map((point) => ({
    code: 'E_BLOCKED',
    text: `"${point}" is a mount point inside the tree and cannot be moved with it`,
    fix: [`umount "${point}"`],
  }));
  if (mode === 'new' && observed.exists && (await readdir(root)).length > 0) {
    blocking.push({ code: 'E_BLOCKED', text: `"${root}" is not empty`, fix: ['Name a new directory.'] });
  }
  if (freeBytes !== null && freeBytes < part.bytes) {
    const text = `"${root}" has ${freeBytes} bytes free, the restored files need ${part.bytes}`;
    blocking.push({ code: 'E_NO_SPACE', text, fix: ['Free some space there.'] });
  }
  const warnings = part.excludes.map((glob) => `"${glob}" was left out of the backup: what it names moves away`);
  return {
    blocking,
    warnings: mode === 'new' ? [] : warnings,
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

/** Free space where the tree is, or will be: at the nearest folder above that exists. */
async function freeBytesAt(folder: string): Promise<number | null> {
  try {
    const space = await statfs(folder);
    return space.bavail * space.bsize;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw fromErrno(error, `look at "${folder}"`);
    return folder === path.dirname(folder) ? null : freeBytesAt(path.dirname(folder));
  }
}
