import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import { syncPath, uniqueSuffix, writeNew } from '../storage/directory/durable.js';
import { isStuck, refuseUntouchable, removeTree } from '../storage/remove-tree.js';
import type { Draft } from './repository.js';

const PARTIAL = '.partial';
/** Drafts, and those that a sweep or a discard has put aside. */
const PARTIAL_NAME = /^\d{8}T\d{6}Z-[0-9a-f]{6}(?:\.[0-9a-f]{12})?\.partial$/;
/** libuv runs four file operations at a time; more would only queue. */
const SYNCERS = 4;

/** Where drafts live and what guards their publication. */
export interface DraftDeps {
  /** The folder with all backups. */
  readonly backups: string;
  /** Throws when the lock was lost: what is published then could collide with the new holder's work. */
  readonly assertHeld: () => Promise<void>;
}

/**
 * Begins a backup in `<id>.partial`, which nobody lists.
 *
 * @throws PotctlError E_REFUSED if there is a backup or a draft of that id, E_NO_SPACE, E_FILES_DENIED
 */
export async function createDraft(deps: DraftDeps, id: string): Promise<Draft> {
  const final = path.join(deps.backups, id);
  const folder = `${final}${PARTIAL}`;
  try {
    await refuseTaken(final, id);
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    throw fromErrno(error, `create the unfinished backup '${folder}'`);
  }
  return draftIn(deps, { id, folder, final });
}

function draftIn(deps: DraftDeps, { id, folder, final }: { id: string; folder: string; final: string }): Draft {
  let state: 'open' | 'published' | 'discarded' = 'open';
  const discard = async (): Promise<void> => {
    if (state !== 'open') return;
    try {
      await removeAside(deps.backups, path.basename(folder));
    } catch (error) {
      throw fromErrno(error, `remove the unfinished backup '${folder}'`);
    }
    state = 'discarded';
  };
  const publish = async (manifest: string): Promise<void> => {
    if (state !== 'open') throw new Error(`draft '${id}' is already ${state}`);
    try {
      await deps.assertHeld();
      await seal(folder, manifest);
      await deps.assertHeld();
      await show(folder, final, deps.backups);
      state = 'published';
    } catch (error) {
      // The first failure is the one to tell; what cannot be removed now is swept by the next run.
      await discard().catch(() => undefined);
      throw fromErrno(error, `publish the backup '${id}'`);
    }
  };
  return { id, folder, publish, discard };
}

/**
 * Removes all unfinished work. The caller holds the lock, so nobody works on it any more.
 *
 * @returns what cannot be removed now and stays, unlisted, for the next time
 */
export async function sweepDrafts(backups: string): Promise<string[]> {
  const stuck: string[] = [];
  for (const name of (await readdir(backups)).filter((name) => PARTIAL_NAME.test(name))) {
    await removeAside(backups, name).catch((error: unknown) => {
      if (!isStuck(error)) throw error;
      stuck.push(path.join(backups, name));
    });
  }
  return stuck;
}

/**
 * Renames first: a draft that its owner publishes at this very moment (it lost its lock without knowing) is either whole and listed, or
 * gone; never listed with files missing.
 */
async function removeAside(backups: string, name: string): Promise<void> {
  await refuseUntouchable(path.join(backups, name));
  const aside = path.join(backups, `${name.slice(0, name.indexOf('.'))}.${uniqueSuffix()}${PARTIAL}`);
  try {
    await rename(path.join(backups, name), aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  await removeTree(aside);
}

/** `rename` would replace an empty folder, so that a taken name must be looked for. */
async function refuseTaken(final: string, id: string): Promise<void> {
  const isTaken = await lstat(final).then(
    () => true,
    () => false,
  );
  if (isTaken) throw new PotctlError('E_REFUSED', `there is already a backup '${id}'`);
}

/** Everything durable and read-only, the manifest beside it; only the name is missing. */
async function seal(folder: string, manifest: string): Promise<void> {
  const hash = createHash('sha256').update(manifest).digest('hex');
  const { files, folders } = await walk(folder);
  await writeNew(path.join(folder, 'manifest.json'), manifest, 0o400);
  // The format of sha256sum: `sha256sum -c manifest.json.sha256` works without potctl.
  await writeNew(path.join(folder, 'manifest.json.sha256'), `${hash}  manifest.json\n`, 0o400);
  await inParallel(files, async (file) => {
    await chmod(file, 0o400);
    await syncPath(file);
  });
  for (const inner of folders) await syncPath(inner);
}

async function show(folder: string, final: string, backups: string): Promise<void> {
  await rename(folder, final);
  try {
    await syncPath(backups);
  } catch (error) {
    // Not certain to survive a power failure is not published.
    await rename(final, folder);
    throw error;
  }
}

/** Innermost folders first. */
async function walk(folder: string): Promise<{ files: string[]; folders: string[] }> {
  const found = { files: [] as string[], folders: [] as string[] };
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const inner = path.join(folder, entry.name);
    if (entry.isFile()) found.files.push(inner);
    else if (entry.isDirectory()) {
      const { files, folders } = await walk(inner);
      for (const file of files) found.files.push(file);
      found.folders.push(...folders);
    } else throw new PotctlError('E_IO', `'${inner}' is not a plain file`, { why: 'a backup holds plain files only' });
  }
  found.folders.push(folder);
  return found;
}

async function inParallel(items: readonly string[], work: (item: string) => Promise<void>): Promise<void> {
  const waiting = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: SYNCERS }, worker));
}
