import { MARKER } from '../storage/marker.js';
import type { Storage } from '../storage/storage.js';
import { DOCUMENT_FOLDERS, RESERVE } from './format.js';

const FILE = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}$/;
const LIMIT = 16 * 1024 * 1024;

/** Replaces a document, atomically and durably. The name is `<folder>/<file>` with a folder of {@link DOCUMENT_FOLDERS}. */
export async function putDocument(storage: Storage, name: string, text: string): Promise<void> {
  await storage.put(checkedName(name), text);
}

/** Returns the text of a document; undefined if there is none. */
export async function getDocument(storage: Storage, name: string): Promise<string | undefined> {
  return (await storage.get(checkedName(name), { limit: LIMIT }))?.toString('utf8');
}

/** Returns the full names of the documents in a folder, as {@link getDocument} takes them; ascending. */
export async function listDocuments(storage: Storage, folder: string): Promise<string[]> {
  const files = await storage.list(checkedFolder(folder));
  return files
    .filter((file) => FILE.test(file))
    .map((file) => `${folder}/${file}`)
    .sort();
}

/**
 * Removes files that dead runs left half-written in the document folders, and those of the marker and the reserve at the top. The caller
 * holds the lock.
 *
 * @param nowMs the present by the storage's own clock
 */
export async function sweepDocuments(storage: Storage, nowMs: number): Promise<void> {
  await storage.tidy('', (name) => name === MARKER, nowMs);
  // Only the holder of the lock writes the reserve, so nobody is writing it now.
  await storage.tidy('', (name) => name === RESERVE, Number.POSITIVE_INFINITY);
  for (const folder of DOCUMENT_FOLDERS) await storage.tidy(folder, () => true, nowMs);
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
