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
  /** Entries at the top of the tree, not counting potctl's own folders. */
  readonly entries: number;
  /** Absolute paths of mount points below the root. They cannot be swapped: each one is a blocker. */
  readonly nestedMounts: readonly string[];
  readonly beforeFolders: readonly BeforeFolder[];
  /** Runs whose staging folder still exists; those of dead runs are to be discarded. */
  readonly stagings: readonly string[];
  readonly unfinished: UnfinishedSwap | null;
}

/**
 * Inspects a live tree for the plan and for recovery. Changes nothing.
 *
 * @throws PotctlError E_FILES_MISSING (a file), E_FILES_DENIED, E_REFUSED (a damaged journal)
 */
export async function observeTree({ root }: { readonly root: string }): Promise<TreeObservation> {
  const tree = real(root);
  const beside = keptNextTo(tree ?? path.resolve(root));
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
    throw fromErrno(error, `read '${root}'`);
  }
}

/**
 * Searches a live tree for what a swap must not move: a backup repository, a mount point, another file system. potctl's own folders stay
 * in place, so they are not searched.
 *
 * @throws PotctlError E_FILES_MISSING, E_FILES_DENIED, E_IO
 */
export async function findUnmovable(root: string): Promise<Untouchable | null> {
  const tree = real(root);
  if (tree === null) return null;
  const moved = new Set<string>(movable(realDisk(), tree, []).map(({ name }) => name));
  return findUntouchable(tree, (name) => moved.has(name));
}

/** How a plan describes it. */
export const unmovableText = ({ path: place, what }: Untouchable): string =>
  `"${place}" is ${what} inside the tree and cannot be moved`;

/** How to fix it. */
export const unmovableFix = ({ path: place, what }: Untouchable): string =>
  what === 'a mount point'
    ? `umount "${place}"`
    : `Move "${place}" out of the tree, then repeat the command. Afterwards you can move it back.`;

/** Where an undo keeps a root that the undone run had created: next to it, because undo removes the root. */
export const keptRootOf = (tree: string, run: string): string => `${tree}.potctl-before-${run}`;

function keptNextTo(tree: string): BeforeFolder[] {
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
    // The parent may be searchable but not readable; then it contains nothing that potctl created.
    return [];
  }
}

const keptAt = (folder: string, name: string, run: string | undefined): BeforeFolder[] =>
  run === undefined ? [] : [{ run, path: path.join(folder, Buffer.from(name, 'latin1').toString('utf8')) }];
