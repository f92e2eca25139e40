import { lstatSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isErrno } from '../kernel/errors.js';

/** The file that marks a folder as a repository. */
export const MARKER = 'potctl-repository.json';
const LIMIT = 1024 * 1024;

/**
 * Returns whether a folder is a backup repository, by the content of its marker. A damaged or unreadable marker may belong to a repository,
 * so it counts as one. A file of that name with other content does not.
 */
export function holdsRepository(folder: Buffer): boolean {
  const file = Buffer.concat([folder, Buffer.from(`/${MARKER}`)]);
  try {
    const facts = lstatSync(file);
    if (!facts.isFile()) return false;
    if (facts.size > LIMIT) return true;
    const value = JSON.parse(readFileSync(file, 'utf8')) as { readonly format?: unknown } | null;
    return typeof value !== 'object' || value === null || value.format === 'potctl.repository';
  } catch (error) {
    return !isErrno(error, 'ENOENT', 'ENOTDIR');
  }
}

/**
 * Returns the backup repository that a folder is or is inside of; null = none. @param folder absolute, free of symbolic links; need not
 * exist
 */
export function repositoryAround(folder: string): string | null {
  if (holdsRepository(Buffer.from(folder))) return folder;
  const above = path.dirname(folder);
  return above === folder ? null : repositoryAround(above);
}
