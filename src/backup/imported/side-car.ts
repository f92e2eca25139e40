import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Manifest } from '../../catalog/manifest.js';
import { canonicalJson } from '../../catalog/parse-manifest.js';
import { fromErrno, isErrno } from '../../kernel/errors.js';
import { makeFolders } from '../../kernel/make-folders.js';
import { makeShortLivedFolder, removeShortLivedFolder } from '../../kernel/short-lived.js';
import { composeImported, placeOf, type Reader } from './compose.js';
import { type DescribeDeps, describeSource } from './describe.js';
import type { OldSet } from './find-sets.js';
import { filesOf, putArtifacts } from './layout.js';
import { sourceOfSet } from './source.js';

/** A cache of what is known about the old backups of one folder. It is kept elsewhere, because the folder itself is never written to. */
export interface SideCar {
  /** Absolute; created when something is first stored. */
  readonly folder: string;
  /** Returns the cached manifest of a backup, if its files are unchanged since. */
  manifestOf(set: OldSet): Promise<string | null>;
  /**
   * Reads a backup completely, unless that was done, and stores its manifest, the list of its files, and links to its artifacts. Returns
   * the folder.
   */
  complete(set: OldSet): Promise<string>;
}

/**
 * Opens the cache for a folder of old backups.
 *
 * @param folder absolute path of a directory that only this user uses
 */
export function openSideCar(folder: string, deps: DescribeDeps, reader: Reader): SideCar {
  const manifestOf = async (set: OldSet): Promise<string | null> => {
    const kept = path.join(folder, set.manifest.id);
    const [text, seen] = [
      await readIfThere(path.join(kept, 'manifest.json')),
      await readIfThere(path.join(kept, 'seen.json')),
    ];
    return text !== null && seen === (await lookOf(set)) && (JSON.parse(text) as Manifest).profile === reader.profile
      ? text
      : null;
  };
  return {
    folder,
    manifestOf,
    async complete(set) {
      const kept = path.join(folder, set.manifest.id);
      if ((await manifestOf(set)) === null) await keep(set, kept, deps, reader);
      return kept;
    },
  };
}

async function keep(set: OldSet, kept: string, deps: DescribeDeps, reader: Reader): Promise<void> {
  const scratch = await makeScratch(kept);
  try {
    const seen = await lookOf(set);
    const source = await sourceOfSet(set, deps.signal);
    await putArtifacts(source, scratch, 'link', deps.signal);
    const options = { databaseName: null, filesRoot: reader.filesPath, stripTop: true };
    const described = await describeSource(deps, source, scratch, options);
    const { id, takenAt } = set.manifest;
    const manifest = composeImported(described, set, { id, takenAt, ...placeOf(source) }, reader);
    await writeFile(path.join(scratch, 'manifest.json'), canonicalJson(manifest), { mode: 0o600 });
    await writeFile(path.join(scratch, 'seen.json'), seen, { mode: 0o600 });
    await rm(kept, { recursive: true, force: true });
    await rename(scratch, kept);
  } catch (error) {
    await removeShortLivedFolder(scratch);
    throw fromErrno(error, `store facts about the old backups in '${path.dirname(kept)}'`);
  }
}

async function makeScratch(kept: string): Promise<string> {
  try {
    await makeFolders(path.dirname(kept));
    return await makeShortLivedFolder(path.dirname(kept), 'notes');
  } catch (error) {
    throw fromErrno(error, `store facts about the old backups in '${path.dirname(kept)}'`);
  }
}

/** Returns size and time of every file of a backup. If they change, the backup must be read again. */
async function lookOf({ dump, archive, manifestFile }: OldSet): Promise<string> {
  const files = [...(await filesOf(dump)), ...(archive === null ? [] : [archive]), manifestFile];
  const facts = await Promise.all(files.map(async (file) => ({ file, ...pick(await stat(file, { bigint: true })) })));
  return JSON.stringify(facts);
}

const pick = ({ size, mtimeNs, ino }: { size: bigint; mtimeNs: bigint; ino: bigint }) => ({
  size: String(size),
  mtime_ns: String(mtimeNs),
  ino: String(ino),
});

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return null;
    throw fromErrno(error, `read '${file}'`);
  }
}
