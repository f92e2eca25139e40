import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from '../kernel/errors.js';
import { ensureFolder, readContained, replaceFile } from '../storage/directory/durable.js';
import { DOCUMENT_FOLDERS } from './format.js';

const FILE = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}$/;
const TEMPORARY = /^\.[A-Za-z0-9_][A-Za-z0-9._-]*\.[0-9a-f]{12}\.tmp$/;
const MARKER_TEMPORARY = '.potctl-repository.json.';
const LIMIT = 16 * 1024 * 1024;
/** A younger temporary document may belong to somebody who writes at this moment. */
const TEMPORARY_AGE_MS = 60_000;

/** Replaces a document, atomically and durably. The name is `<folder>/<file>` with a folder of {@link DOCUMENT_FOLDERS}. */
export async function putDocument(root: string, name: string, text: string): Promise<void> {
  const file = path.join(root, checkedName(name));
  await ensureFolder(path.dirname(file));
  await replaceFile(file, text);
}

/** undefined if there is none. */
export async function getDocument(root: string, name: string): Promise<string | undefined> {
  return readContained(root, checkedName(name), LIMIT);
}

/** Whole names, so that each can be given to {@link getDocument}; ascending. */
export async function listDocuments(root: string, folder: string): Promise<string[]> {
  const files = await namesIn(path.join(root, checkedFolder(folder)));
  return files
    .filter((file) => FILE.test(file))
    .map((file) => `${folder}/${file}`)
    .sort();
}

/**
 * Removes what dead runs left half-written in the document folders, and of the marker in the top folder.
 *
 * @param nowMs the present by the file system's own clock
 */
export async function sweepDocuments(root: string, nowMs: number): Promise<void> {
  for (const folder of ['.', ...DOCUMENT_FOLDERS]) {
    // A folder that another user has made for himself is swept by him: it hinders nobody.
    const names = (await namesIn(path.join(root, folder)).catch(ifDenied)).filter((name) => TEMPORARY.test(name));
    const ours = folder === '.' ? names.filter((name) => name.startsWith(MARKER_TEMPORARY)) : names;
    for (const name of ours) await removeIfOld(path.join(root, folder, name), nowMs);
  }
}

function ifDenied(error: unknown): string[] {
  if (isErrno(error, 'EACCES', 'EPERM')) return [];
  throw error;
}

async function removeIfOld(file: string, nowMs: number): Promise<void> {
  const facts = await stat(file).catch(() => null);
  if (facts !== null && nowMs - facts.mtimeMs > TEMPORARY_AGE_MS) await rm(file, { force: true }).catch(ifDenied);
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function checkedName(name: string): string {
  const [folder = '', file = '', ...more] = name.split('/');
  checkedFolder(folder);
  if (!FILE.test(file) || more.length > 0) throw new Error(`'${name}' is not the name of a document`);
  return name;
}

function checkedFolder(folder: string): string {
  if (!DOCUMENT_FOLDERS.includes(folder)) throw new Error(`'${folder}' is not a folder of documents`);
  return folder;
}
