import path from 'node:path';
import { fromErrno, isErrno } from '../../kernel/errors.js';
import { findNestedMounts } from '../../storage/mounts.js';
import { findUntouchable, type Untouchable } from '../../storage/remove-tree.js';
import { movable } from './converge.js';
import { type DiskEntry, noTree, real, realDisk } from './disk.js';
import { describe, findUnfinished, type UnfinishedSwap } from './journal.js';
import { nameOf, runOfBefore, runOfStaging } from './names.js';

/** A kept tree: what was live before the swap of `run`. */
export interface BeforeFolder {
  readonly run: string;
  readonly path: string;
}

export interface TreeObservation {
  readonly exists: boolean;
  /** Entries at the top of the tree, potctl's own folders not counted. */
  readonly entries: number;
  /** Absolute paths of mount points below the root. They cannot be swapped: each one blocks. */
  readonly nestedMounts: readonly string[];
  readonly beforeFolders: readonly BeforeFolder[];
  /** Runs whose staging folder is still there: discard those that are dead. */
  readonly stagings: readonly string[];
  readonly unfinished: UnfinishedSwap | null;
}

/**
 * Looks at a live tree for the plan and for the next start. Changes nothing.
 *
 * @throws PotctlError E_FILES_MISSING (a file), E_FILES_DENIED, E_REFUSED (a damaged journal)
 */
export async function observeTree({ root }: { readonly root: string }): Promise<TreeObservation> {
  const tree = real(root);
  const beside = keptBeside(tree ?? path.resolve(root));
  if (tree === null) {
    return { exists: false, entries: 0, nestedMounts: [], beforeFolders: beside, stagings: [], unfinished: null };
  }
  try {
    const disk = realDisk();
    const unfinished = findUnfinished(disk, tree);
    const names = disk.list(tree).map(({ name }) => name);
    return {
      exists: true,
      entries: movable(disk, tree, []).length,
      nestedMounts: findNestedMounts(tree),
      beforeFolders: [...names.flatMap((name) => keptAt(tree, name, runOfBefore(name))), ...beside],
      stagings: names.flatMap((name) => runOfStaging(name) ?? []),
      unfinished: unfinished && describe(unfinished),
    };
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) throw noTree(root, 'it is not a directory');
    throw fromErrno(error, `look into '${root}'`);
  }
}

/**
 * Looks through a live tree for what a swap must not carry away: a backup repository, a mount point, another file system. potctl's own
 * folders stay where they are, so they are not looked into.
 *
 * @throws PotctlError E_FILES_MISSING, E_FILES_DENIED, E_IO
 */
export async function findUnmovable(root: string): Promise<Untouchable | null> {
  const tree = real(root);
  if (tree === null) return null;
  const moved = new Set<string>(movable(realDisk(), tree, []).map(({ name }) => name));
  return findUntouchable(tree, (name) => moved.has(name));
}

/** What a plan says of it. */
export const unmovableText = ({ path: place, what }: Untouchable): string =>
  `"${place}" is ${what} inside the tree and cannot be moved with it`;

/** How it is put right. */
export const unmovableFix = ({ path: place, what }: Untouchable): string =>
  what === 'a mount point'
    ? `umount "${place}"`
    : `Move "${place}" to a place outside of the tree, then repeat the command. Afterwards it may be moved back.`;

/** Where the undo of a run that had made the root keeps that root: beside it, since undo makes the root vanish. */
export const besideOf = (tree: string, run: string): string => `${tree}.potctl-before-${run}`;

function keptBeside(tree: string): BeforeFolder[] {
  const folder = path.dirname(tree);
  if (real(folder) === null) return [];
  const prefix = nameOf(Buffer.from(`${path.basename(tree)}.potctl-before-`));
  return listed(folder).flatMap(({ name }) =>
    name.startsWith(prefix) ? keptAt(folder, name, name.slice(prefix.length)) : [],
  );
}

function listed(folder: string): DiskEntry[] {
  try {
    return realDisk().list(folder);
  } catch {
    // The parent may be searchable without being readable; nothing that we could have made lies there then.
    return [];
  }
}

const keptAt = (folder: string, name: string, run: string | undefined): BeforeFolder[] =>
  run === undefined ? [] : [{ run, path: path.join(folder, Buffer.from(name, 'latin1').toString('utf8')) }];
