import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno, PotctlError } from '../../kernel/errors.js';
import type { Source } from './source.js';

/** File names in a backup. */
export const OLD_MANIFEST = 'imported-manifest.json';
const SUFFIX = { gzip: '.gz', zstd: '.zst', none: '' } as const;

/** Returns the file names of the parts of a source in its backup; null = it has no such part. */
export function layoutOf({ dump, archive }: Source): { readonly dump: string | null; readonly archive: string | null } {
  const extension =
    dump?.format === 'plain' ? `.sql${SUFFIX[dump.compression]}` : dump?.format === 'custom' ? '.custom' : '';
  return {
    dump: dump === null ? null : `db/dump${extension}`,
    archive: archive === null ? null : `files.tar${SUFFIX[archive.compression]}`,
  };
}

/**
 * Copies the artifacts of a source into a folder (sharing blocks if the file system can), or links them. The originals are only read.
 *
 * @throws E_BACKUP_CORRUPT if one changes meanwhile; E_NO_SPACE, E_FILES_DENIED, E_IO
 */
export async function putArtifacts(
  source: Source,
  folder: string,
  how: 'copy' | 'link',
  signal: AbortSignal,
): Promise<void> {
  const { dump, archive } = layoutOf(source);
  const put = how === 'link' ? link : copy;
  try {
    if (source.dump !== null) {
      await mkdir(path.join(folder, 'db'), { mode: 0o700 });
      await put(source.dump.file, path.join(folder, dump!), signal);
    }
    if (source.archive !== null) await put(source.archive.file, path.join(folder, archive!), signal);
    if (source.set !== null)
      await writeFile(path.join(folder, OLD_MANIFEST), source.set.manifestBytes, { mode: 0o600 });
  } catch (error) {
    throw fromErrno(error, `copy the artifacts to '${folder}'`);
  }
}

/** Returns the size of the artifacts in bytes. */
export async function storedBytes(source: Source): Promise<number> {
  let bytes = 0;
  for (const file of [source.dump?.file, source.archive?.file]) {
    if (file === undefined) continue;
    for (const inner of await filesOf(file)) bytes += (await stat(inner)).size;
  }
  return bytes;
}

/**
 * Returns the file itself, or the files of a dump directory; absolute, ascending. @throws E_MANIFEST if the directory contains anything
 * else
 */
export async function filesOf(file: string): Promise<string[]> {
  if (!(await stat(file)).isDirectory()) return [file];
  const entries = await readdir(file, { withFileTypes: true });
  const odd = entries.find((entry) => !entry.isFile());
  if (odd !== undefined) {
    throw new PotctlError('E_MANIFEST', `'${odd.name}' in '${path.basename(file)}' is not a regular file`, {
      why: 'a dump directory contains only regular files',
    });
  }
  return entries.map(({ name }) => path.join(file, name)).sort();
}

async function link(from: string, to: string): Promise<void> {
  await symlink(from, to);
}

async function copy(from: string, to: string, signal: AbortSignal): Promise<void> {
  const files = await filesOf(from);
  const isFolder = files.length !== 1 || files[0] !== from;
  if (isFolder) await mkdir(to, { mode: 0o700 });
  for (const file of files) {
    signal.throwIfAborted();
    const before = await stat(file);
    await copyFile(
      file,
      isFolder ? path.join(to, path.basename(file)) : to,
      constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL,
    );
    const after = await stat(file);
    if (before.size === after.size && before.mtimeMs === after.mtimeMs) continue;
    throw new PotctlError('E_BACKUP_CORRUPT', `'${path.basename(file)}' changed while it was read`, {
      why: 'another program is writing to it',
      fix: ['Wait until that program has finished, then repeat the command.'],
    });
  }
}
