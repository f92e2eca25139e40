import { chmod, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from '../../kernel/errors.js';
import { plainFiles } from '../plain-files.js';
import { isStuck, refuseUntouchable, removeTree } from '../remove-tree.js';
import type { GroupRemoval, Groups, Layout, LocalGroup, Staging } from '../storage.js';
import { ensureFolder, syncPath, uniqueSuffix, writeNew } from './durable.js';

const PARTIAL = '.partial';
const TOMBSTONE = '.tombstone';
/** libuv runs four file operations at a time; more would only wait. */
const SYNCERS = 4;

/**
 * Implements groups as folders: a started one is `<name>.partial`, a hidden one is `<name>.tombstone`, and a rename shows or hides it as a
 * whole. Folders put aside for removal have a suffix before `.partial`.
 *
 * @param root absolute, free of symbolic links
 */
export function groupsIn(root: string, layout: Layout): Groups {
  const top = path.join(root, layout.folder);
  return {
    names: () => namesIn(top, layout),
    stateOf: (name) => stateOf(path.join(top, name)),
    begin: (name) => begin(top, name),
    localFolder: (name) => localFolder(path.join(top, name)),
    removal: (name) => removal(root, layout, name),
    sweep: (besides) => sweep(top, layout, besides),
  };
}

async function namesIn(top: string, { name: shape }: Layout): Promise<string[]> {
  try {
    return (await readdir(top)).filter((name) => shape.test(name)).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Returns the state of a folder. A failed access is no proof that it does not exist. */
async function stateOf(folder: string): Promise<'complete' | 'absent' | 'odd'> {
  try {
    return (await lstat(folder)).isDirectory() ? 'complete' : 'odd';
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 'absent';
    throw error;
  }
}

async function begin(top: string, name: string): Promise<Staging | null> {
  const final = path.join(top, name);
  await ensureFolder(top);
  // `rename` would replace an empty folder, so check whether the name is taken.
  const isTaken = await lstat(final).then(
    () => true,
    () => false,
  );
  if (isTaken) return null;
  const folder = `${final}${PARTIAL}`;
  await mkdir(folder, { mode: 0o700 });
  return {
    folder,
    async commit(texts, confirm) {
      await seal(folder, texts);
      await confirm();
      await show(folder, final, top);
    },
    discard: () => removeAside(top, path.basename(folder)),
  };
}

/** Makes everything durable and read-only; only the rename is missing. */
async function seal(folder: string, texts: Readonly<Record<string, string>>): Promise<void> {
  const { files, folders } = await plainFiles(folder);
  for (const [name, text] of Object.entries(texts)) await writeNew(path.join(folder, name), text, 0o400);
  await inParallel(files, async (file) => {
    await chmod(file, 0o400);
    await syncPath(file);
  });
  for (const inner of folders) await syncPath(inner);
}

async function inParallel(items: readonly string[], work: (item: string) => Promise<void>): Promise<void> {
  const waiting = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: SYNCERS }, worker));
}

async function show(folder: string, final: string, top: string): Promise<void> {
  await rename(folder, final);
  try {
    await syncPath(top);
  } catch (error) {
    // What may not survive a power failure is not published.
    await rename(final, folder);
    throw error;
  }
}

/** Checks the folder for links: the caller opens files in it by name, and a link could lead anywhere. */
async function localFolder(folder: string): Promise<LocalGroup> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const odd = entries.find((entry) => !entry.isFile() && !entry.isDirectory());
  return { folder, odd: odd === undefined ? null : path.relative(folder, path.join(odd.parentPath, odd.name)) };
}

async function removal(root: string, layout: Layout, name: string): Promise<GroupRemoval> {
  const folder = path.join(root, layout.folder, name);
  const aside = `${folder}${TOMBSTONE}`;
  await refuseUntouchable(folder);
  return {
    place: aside,
    async hide() {
      await rename(folder, aside);
      return path.relative(root, aside);
    },
    show: () => showAgain(aside, folder),
    async erase(besides) {
      // Only after the rename is durable: after a power failure no listed group may lack its bytes.
      await syncPath(path.dirname(folder));
      await eraseLastFirst(aside, layout, besides);
    },
  };
}

/** Shows the group again. Another process that holds the lock by now may have done it already. */
async function showAgain(aside: string, folder: string): Promise<void> {
  try {
    await rename(aside, folder);
  } catch (error) {
    if (!isErrno(error, 'ENOENT') || (await stateOf(folder)) !== 'complete') throw error;
  }
}

/** Removes the last key first: without it the rest cannot be mistaken for a complete group. */
async function eraseLastFirst(folder: string, { last }: Layout, besides: () => Promise<void>): Promise<void> {
  await rm(path.join(folder, last), { force: true });
  await syncPath(folder);
  await besides();
  await removeTree(folder);
}

/** Parses the names that {@link groupsIn} creates. */
function parseAside(name: string, layout: Layout): { readonly group: string; readonly isTombstone: boolean } | null {
  const [, group = '', suffix, kind] = /^(.+?)(\.[0-9a-f]{12})?(\.partial|\.tombstone)$/.exec(name) ?? [];
  if (kind === undefined || !layout.name.test(group)) return null;
  const isTombstone = kind === TOMBSTONE;
  return isTombstone && suffix !== undefined ? null : { group, isTombstone };
}

async function sweep(top: string, layout: Layout, besides: (name: string) => Promise<void>): Promise<string[]> {
  await ensureFolder(top);
  const stuck: string[] = [];
  const found = (await readdir(top)).flatMap((name) => {
    const aside = parseAside(name, layout);
    return aside === null ? [] : [{ name, ...aside }];
  });
  for (const { name, group, isTombstone } of found.sort((a, b) => Number(a.isTombstone) - Number(b.isTombstone))) {
    try {
      if (isTombstone) await settleHidden(top, { name, group, layout }, () => besides(group));
      else await removeAside(top, name);
    } catch (error) {
      if (!isStuck(error)) throw error;
      stuck.push(path.join(top, name));
    }
  }
  return stuck;
}

/**
 * Shows or erases a hidden group. The last key is removed first once that is decided: if it still exists, the process that hid the group
 * may have died before it checked for changes.
 */
async function settleHidden(
  top: string,
  { name, group, layout }: { readonly name: string; readonly group: string; readonly layout: Layout },
  besides: () => Promise<void>,
): Promise<void> {
  const folder = path.join(top, name);
  await refuseUntouchable(folder);
  const isFolder = (await stateOf(folder)) === 'complete';
  if (isFolder && (await stateOf(path.join(folder, layout.last))) !== 'absent')
    return show(folder, path.join(top, group), top);
  // Do not follow a link of that name.
  return isFolder ? eraseLastFirst(folder, layout, besides) : removeTree(folder);
}

/**
 * Renames before removing: what its owner publishes at this moment (it lost its lock without knowing) is either complete and visible, or
 * gone; never visible with missing values.
 */
async function removeAside(top: string, name: string): Promise<void> {
  await refuseUntouchable(path.join(top, name));
  const aside = path.join(top, `${name.slice(0, name.indexOf('.'))}.${uniqueSuffix()}${PARTIAL}`);
  try {
    await rename(path.join(top, name), aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  await removeTree(aside);
}
