import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno, isErrno, PotctlError } from '../../kernel/errors.js';
import { advice, potctl } from '../../kernel/next.js';
import { looksLikeV1, parseV1Manifest, type V1Artifact, type V1Manifest } from './v1-manifest.js';

const MANIFEST_LIMIT = 1024 * 1024;
const NAMED = /^backup_manifest_(\d{8}_\d{6}).*\.json$/;

/** A backup of the old scripts (a manifest, a dump and maybe an archive) in a folder. */
export interface OldSet {
  readonly manifest: V1Manifest;
  /** Absolute. */
  readonly manifestFile: string;
  readonly manifestBytes: Buffer;
  /** Absolute paths of existing files. */
  readonly dump: string;
  readonly dumpSize: number;
  readonly archive: string | null;
  readonly archiveSize: number;
}

/** A manifest in the folder: its set, or the error. */
export type FoundSet =
  | { readonly ok: true; readonly set: OldSet }
  | { readonly ok: false; readonly file: string; readonly id: string | null; readonly error: PotctlError };

/**
 * Finds the backups of 3dPot's scripts in a folder: flat (`backup_manifest_<ts>.json`), or one folder per backup with a `manifest.json`.
 * Reads the manifests and checks that the artifacts exist. Ascending by file name.
 *
 * @param folder absolute
 * @throws E_FILES_MISSING, E_FILES_DENIED, E_IO for the folder itself; errors of one backup are its result
 */
export async function findSets(folder: string): Promise<FoundSet[]> {
  const found: FoundSet[] = [];
  for (const file of await manifestFiles(folder)) {
    const bytes = await readManifestFile(file);
    if (bytes === null || !(NAMED.test(path.basename(file)) || looksLikeV1(bytes.toString('utf8')))) continue;
    found.push(await readSet(file, bytes));
  }
  return found;
}

/** Opens one backup by its manifest file. @throws E_MANIFEST, E_BACKUP_CORRUPT, E_FILES_DENIED, E_IO */
export async function openSet(file: string): Promise<OldSet> {
  const bytes = await readManifestFile(file);
  if (bytes === null)
    throw new PotctlError('E_MANIFEST', `the manifest '${file}' is larger than 1 MiB or not a regular file`);
  return setOf(file, bytes, parseV1Manifest(bytes, file));
}

async function manifestFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const flat = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.json')).map(({ name }) => name);
    const inside = entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(name, 'manifest.json'));
    return [...flat, ...inside].sort().map((name) => path.join(folder, name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) {
      throw new PotctlError('E_FILES_MISSING', `the folder '${folder}' does not exist`, { fix: ['Check the path.'] });
    }
    throw fromErrno(error, `read the folder '${folder}'`);
  }
}

async function readManifestFile(file: string): Promise<Buffer | null> {
  try {
    const facts = await lstat(file);
    if (!facts.isFile() || facts.size > MANIFEST_LIMIT) return null;
    return await readFile(file);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw fromErrno(error, `read '${file}'`);
  }
}

async function readSet(file: string, bytes: Buffer): Promise<FoundSet> {
  let id: string | null = idOfName(file);
  try {
    const manifest = parseV1Manifest(bytes, file);
    id = manifest.id;
    return { ok: true, set: await setOf(file, bytes, manifest) };
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    return { ok: false, file, id, error };
  }
}

/** Returns an id made from the file name: all that a damaged manifest has. */
function idOfName(file: string): string | null {
  const timestamp = NAMED.exec(path.basename(file))?.[1];
  return timestamp === undefined ? null : `${timestamp.replace('_', 'T')}Z-000000`;
}

async function setOf(file: string, bytes: Buffer, manifest: V1Manifest): Promise<OldSet> {
  const folder = path.dirname(file);
  const dump = await locate(folder, manifest.database, 'dump');
  const archive = manifest.storage === null ? null : await locate(folder, manifest.storage, 'archive of the files');
  return {
    manifest,
    manifestFile: file,
    manifestBytes: bytes,
    dump: dump.file,
    dumpSize: dump.size,
    archive: archive?.file ?? null,
    archiveSize: archive?.size ?? 0,
  };
}

/**
 * Finds an artifact: at the path in the manifest if that is inside its folder, else next to the manifest under its own name. The folder may
 * have been moved, and the paths were relative to the working directory of the script.
 */
async function locate(
  folder: string,
  { path: written, size, sizeWithin }: V1Artifact,
  what: string,
): Promise<{ readonly file: string; readonly size: number }> {
  const named = path.resolve(folder, written);
  const nextTo = path.join(folder, path.basename(written));
  const candidates = named.startsWith(`${folder}${path.sep}`) ? [named, nextTo] : [nextTo];
  for (const file of candidates) {
    const facts = await lstat(file).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
      throw fromErrno(error, `read the ${what} '${file}'`);
    });
    if (facts === null) continue;
    await refuseLeaving(folder, file, what);
    if (facts.isDirectory()) return { file, size: 0 };
    if (!facts.isFile()) throw outside(`the ${what} '${path.basename(file)}' is not a regular file`);
    if (size === null || Math.abs(size - facts.size) <= sizeWithin) return { file, size: facts.size };
    throw new PotctlError('E_BACKUP_CORRUPT', `the ${what} '${path.basename(file)}' is damaged`, {
      why: `it has ${facts.size} bytes, but its manifest says ${sizeWithin === 0 ? '' : 'about '}${size}`,
    });
  }
  if (path.isAbsolute(written) || written.split('/').includes('..')) {
    throw outside(`it names '${written}' outside its folder, and '${path.basename(written)}' is not next to it either`);
  }
  throw new PotctlError('E_BACKUP_CORRUPT', `the ${what} '${path.basename(written)}' is missing`, {
    why: `its manifest names it, but it is not in '${folder}'`,
    fix: [
      'Put it next to the manifest.',
      advice`Or import the files that exist one by one: ${potctl('backup', 'import', 'FILE')}`,
    ],
  });
}

async function refuseLeaving(folder: string, file: string, what: string): Promise<void> {
  const [real, home] = [await realpath(file), await realpath(folder)];
  if (real === path.join(home, path.relative(folder, file))) return;
  throw outside(`the ${what} '${path.basename(file)}' is a symbolic link, or is reached through one`);
}

function outside(why: string): PotctlError {
  return new PotctlError('E_MANIFEST', 'the manifest points outside its folder', {
    why,
    fix: ['Copy the files themselves into one folder, next to their manifest.'],
  });
}
