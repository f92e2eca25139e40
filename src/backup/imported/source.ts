import { lstat, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { readInside } from '../../archive/decompress.js';
import { compressionOf, readHead } from '../../archive/imported/archive.js';
import { refuseOtherThanSql } from '../../dump/plain-text.js';
import { fromErrno, isErrno, PotctlError } from '../../kernel/errors.js';
import { advice, potctl } from '../../kernel/next.js';
import type { OldSet } from './find-sets.js';

/** A dump file or directory that pg_dump wrote outside potctl. */
export interface FoundDump {
  /** Absolute. */
  readonly file: string;
  readonly format: 'directory' | 'custom' | 'plain';
  /** Only of format `plain`. */
  readonly compression: 'gzip' | 'zstd' | 'none';
}

/** The files to import as one backup. */
export interface Source {
  /** null = no manifest. */
  readonly set: OldSet | null;
  readonly dump: FoundDump | null;
  /** A tar archive of the files. */
  readonly archive: { readonly file: string; readonly compression: 'gzip' | 'zstd' | 'none' } | null;
}

const TAR_MAGIC_AT = 257;

/** Returns the source of a backup of the old scripts. @throws E_BACKUP_CORRUPT, E_UNFIT, E_IO, E_FILES_DENIED */
export async function sourceOfSet(set: OldSet, signal: AbortSignal): Promise<Source> {
  const dump = await dumpAt(set.dump, signal);
  if (dump === null) throw notADump(set.dump);
  return { set, dump, archive: set.archive === null ? null : await archiveAt(set.archive) };
}

/**
 * Returns the source of files without a manifest.
 *
 * @param file a dump (any format but tar), or a tar archive
 * @param tree a tar archive that belongs to the dump; null = none
 * @throws E_BACKUP_CORRUPT (empty, or neither), E_UNFIT (with what to do), E_FILES_MISSING, E_IO, E_FILES_DENIED
 */
export async function sourceOfFiles(file: string, tree: string | null, signal: AbortSignal): Promise<Source> {
  await refuseEmpty(file);
  if (tree !== null) await refuseEmpty(tree);
  const dump = await dumpAt(file, signal);
  if (dump !== null) return { set: null, dump, archive: tree === null ? null : await archiveAt(tree) };
  if (tree !== null) throw notADump(file);
  return { set: null, dump: null, archive: await archiveAt(file) };
}

async function refuseEmpty(file: string): Promise<void> {
  try {
    const facts = await lstat(file);
    if (!facts.isFile() && !facts.isDirectory()) {
      throw new PotctlError('E_REFUSED', `'${file}' is a symbolic link or a special file`, {
        fix: ['Name the file itself.'],
      });
    }
    if (facts.isDirectory() || facts.size > 0) return;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw nothingThere(file, error);
    throw fromErrno(error, `read '${file}'`);
  }
  throw new PotctlError('E_BACKUP_CORRUPT', `'${path.basename(file)}' is empty`, {
    why: 'a failed pg_dump leaves an empty file',
  });
}

/** Returns the dump at a path; null if it is a tar archive. */
async function dumpAt(file: string, signal: AbortSignal): Promise<FoundDump | null> {
  const facts = await stat(file);
  if (facts.isDirectory()) return directoryAt(file);
  const compression = await compressionOf(file);
  const head = await unpackedHead(file, compression, signal);
  if (head.subarray(0, 5).toString('latin1') === 'PGDMP') {
    if (compression === 'none') return { file, format: 'custom', compression };
    throw new PotctlError('E_UNFIT', `'${path.basename(file)}' is a custom-format dump that was compressed again`, {
      fix: [`Unpack it first: \`${compression === 'gzip' ? 'gunzip' : 'unzstd'} -k ${path.basename(file)}\``],
    });
  }
  if (!isTar(head)) {
    refuseOtherThanSql(file, compression, head);
    return { file, format: 'plain', compression };
  }
  if (!head.toString('latin1', 0, 8).startsWith('toc.dat\0')) return null;
  throw new PotctlError('E_UNFIT', `'${path.basename(file)}' is a dump in pg_dump's tar format`, {
    fix: [`Convert it to SQL: \`pg_restore --file=dump.sql ${path.basename(file)}\`, then import that file.`],
  });
}

async function directoryAt(folder: string): Promise<FoundDump> {
  const names = await readdir(folder);
  if (names.includes('toc.dat')) return { file: folder, format: 'directory', compression: 'none' };
  throw new PotctlError('E_BACKUP_NOT_FOUND', `no backup found in '${folder}'`, {
    why: 'it contains neither a manifest of the old scripts (backup_manifest_….json) nor a dump directory (toc.dat)',
    fix: [
      advice`Import a dump or an archive without a manifest by its own path: ${potctl('backup', 'import', path.join(folder, 'FILE'))}`,
    ],
  });
}

async function archiveAt(file: string): Promise<NonNullable<Source['archive']>> {
  return { file, compression: await compressionOf(file) };
}

/** Returns the first block of the uncompressed content. Damage further on is found when all of it is read. */
async function unpackedHead(file: string, compression: string, signal: AbortSignal): Promise<Buffer> {
  if (compression === 'none') return Buffer.from(await readHead(file, 512), 'hex');
  try {
    for await (const chunk of readInside(file, compression, signal)) return Buffer.from(chunk.subarray(0, 512));
  } catch (error) {
    if (!(error instanceof PotctlError) || error.code !== 'E_BACKUP_CORRUPT') throw error;
    throw new PotctlError('E_BACKUP_CORRUPT', `'${path.basename(file)}' is damaged`, {
      why: error.message,
      cause: error,
    });
  }
  return Buffer.alloc(0);
}

const isTar = (head: Buffer): boolean => head.toString('latin1', TAR_MAGIC_AT, TAR_MAGIC_AT + 5) === 'ustar';

const notADump = (file: string): PotctlError =>
  new PotctlError('E_BACKUP_CORRUPT', `'${path.basename(file)}' is an archive of files, not a database dump`);

function nothingThere(file: string, cause: unknown): PotctlError {
  return new PotctlError('E_FILES_MISSING', `'${file}' does not exist`, {
    fix: ['Check the path: it must be a dump, an archive, or a folder with backups of the old scripts.'],
    cause,
  });
}
