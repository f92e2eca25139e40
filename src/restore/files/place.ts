import { type BigIntStats, linkSync, lstatSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import type { BytePath } from '../../archive/byte-path.js';
import { createYielder } from '../../archive/yield-often.js';
import { isErrno } from '../../kernel/errors.js';
import { makeWritable } from '../../runs/tree/converge.js';
import { realDisk } from '../../runs/tree/disk.js';
import { moveEntry } from '../../runs/tree/move.js';
import { at, ownName } from '../../runs/tree/names.js';
import { decide, type Tally } from './decide.js';
import { type Folder, lookIn, makeFolder, openFolder } from './folder.js';
import type { Overwrite } from './request.js';

/** Where staged files go, and by which rules. */
export interface Placing {
  readonly staged: Folder;
  readonly target: Folder;
  readonly overwrite: Overwrite;
  /** The name, in the target, of the folder for replaced files; created when needed. */
  readonly keptName: string;
  /** The repository's folder, into which nothing is written; null = it is elsewhere. */
  readonly repository: BigIntStats | null;
  readonly signal: AbortSignal;
  readonly tally: Tally;
}

/**
 * Moves staged entries into place one by one, each by one rename or link: a missing directory is moved with its contents, an existing one
 * keeps its own attributes. Replaced files are kept in a separate folder. Does not follow symbolic links below the target.
 *
 * @throws E_FILES_DENIED, E_IO, errno; the signal's reason if aborted: what has been placed by then stays
 */
export async function placeStaged(placing: Placing): Promise<void> {
  const device = lstatSync(`${placing.target.path}/.`, { bigint: true }).dev;
  await placeFolder(
    { ...placing, device, yieldIfDue: createYielder(placing.signal) },
    '',
    placing.staged,
    placing.target,
  );
}

interface Place extends Placing {
  readonly device: bigint;
  readonly yieldIfDue: () => Promise<void> | undefined;
}

async function placeFolder(place: Place, path: BytePath, from: Folder, to: Folder): Promise<void> {
  // A staged directory must be writable to move its entries out; its own mode does not reach the target.
  makeWritable(realDisk(), `${from.path}/.`);
  for (const name of readdirSync(from.path, { encoding: 'latin1' }).sort()) {
    await placeEntry(place, path === '' ? name : `${path}/${name}`, from, to, name);
    await place.yieldIfDue();
  }
}

/** An entry without write permission is skipped and reported, like any other obstacle; the rest continues. */
async function placeEntry(place: Place, path: BytePath, from: Folder, to: Folder, name: string): Promise<void> {
  try {
    await decideEntry(place, path, from, to, name);
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS')) throw error;
    const directory = lookIn(from, name)?.isDirectory() ?? false;
    place.tally.left(path, 'denied', (await countBelow(place, from, name, directory)).others);
  }
}

async function decideEntry(place: Place, path: BytePath, from: Folder, to: Folder, name: string): Promise<void> {
  const staged = lookIn(from, name)!;
  const directory = staged.isDirectory();
  const { tally, overwrite, device } = place;
  for (;;) {
    const present = lookIn(to, name);
    const decision = decide(present, { directory, mtimeNs: staged.mtimeNs }, overwrite, device);
    if (decision === 'enter') return enter(place, path, from, to, name);
    if (decision === 'replace') return replace(place, path, from, to, name);
    if (decision !== 'place')
      return tally.left(path, decision, (await countBelow(place, from, name, directory)).others);
    const counted = await countBelow(place, from, name, directory);
    const moved = move(from, to, name, directory);
    // Somebody else may just have taken the name: decide again.
    if (moved === false) continue;
    if (moved === 'elsewhere') return tally.left(path, 'mount-point', counted.others);
    tally.restored(counted.others);
    tally.directories(counted.directories);
    return;
  }
}

/** A bind mount of the same file system looks like an ordinary directory until something is moved into it. */
function move(from: Folder, to: Folder, name: string, directory: boolean): boolean | 'elsewhere' {
  try {
    return moveEntry(realDisk(), { name: ownName(name), directory }, from.path, to.path);
  } catch (error) {
    if (isErrno(error, 'EXDEV')) return 'elsewhere';
    throw error;
  }
}

async function enter(place: Place, path: BytePath, from: Folder, to: Folder, name: string): Promise<void> {
  const source = openFolder({ in: from, name });
  try {
    const target = openFolder({ in: to, name });
    try {
      const { repository, tally } = place;
      if (!isSame(lstatSync(`${target.path}/.`, { bigint: true }), repository)) {
        return await placeFolder(place, path, source, target);
      }
      tally.left(path, 'repository', (await countBelow(place, from, name, true)).others);
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

/** First the old file gets a second name in the kept folder, then the new one replaces it in one step. */
function replace({ target, keptName, tally }: Place, path: BytePath, from: Folder, to: Folder, name: string): void {
  const here = at(to.path, ownName(name));
  const above = [keptName, ...path.split('/').slice(0, -1)];
  const kept = openKept(target, above);
  try {
    const there = at(kept.path, ownName(name));
    const putBack = keep(here, there);
    try {
      renameSync(at(from.path, ownName(name)), here);
    } catch (error) {
      putBack();
      throw error;
    }
    tally.overwritten();
  } finally {
    kept.close();
    removeEmpty(target, above);
  }
}

/** @returns undoes it */
function keep(here: string | Buffer, there: string | Buffer): () => void {
  try {
    linkSync(here, there);
    return () => unlinkSync(there);
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EACCES', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error;
    renameSync(here, there);
    return () => renameSync(there, here);
  }
}

/** Removes folders in which nothing had to be kept. */
function removeEmpty(target: Folder, names: readonly string[]): void {
  for (let depth = names.length; depth > 0; depth -= 1) {
    try {
      rmdirSync(at(target.path, ownName(names.slice(0, depth).join('/'))));
    } catch {
      // It is not empty, and neither are its parents.
      return;
    }
  }
}

function openKept(target: Folder, names: readonly string[]): Folder {
  let folder = target;
  for (const name of names) {
    const next = makeFolder(folder, name);
    if (folder !== target) folder.close();
    folder = next;
  }
  return folder;
}

async function countBelow({ yieldIfDue }: Place, folder: Folder, name: string, directory: boolean) {
  const counted = { directories: 0, others: 0 };
  const waiting: { readonly path: string | Buffer; readonly directory: boolean }[] = [];
  waiting.push({ path: at(folder.path, ownName(name)), directory });
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!next.directory) {
      counted.others += 1;
      continue;
    }
    counted.directories += 1;
    const above = Buffer.from(next.path);
    for (const entry of readdirSync(above, { withFileTypes: true, encoding: 'buffer' })) {
      const child = entry.name as unknown as Buffer;
      waiting.push({ path: Buffer.concat([above, Buffer.from('/'), child]), directory: entry.isDirectory() });
    }
    await yieldIfDue();
  }
  return counted;
}

const isSame = (one: BigIntStats, other: BigIntStats | null): boolean =>
  other !== null && one.dev === other.dev && one.ino === other.ino;
