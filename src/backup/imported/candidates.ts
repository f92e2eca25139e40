import { stat } from 'node:fs/promises';
import path from 'node:path';
import { hashFile } from '../../storage/hash.js';
import { idOfFiles } from './compose.js';
import type { DescribeDeps } from './describe.js';
import { findSets, openSet } from './find-sets.js';
import { filesOf } from './layout.js';
import { type Source, sourceOfFiles, sourceOfSet } from './source.js';

/** Something that looks like a backup; opened later. */
export interface Candidate {
  readonly name: string;
  /** Known before anything is read if there is a manifest. */
  readonly id: string | null;
  readonly takenAt: string | null;
  open(): Promise<Source>;
}

/**
 * Finds what can be imported from a path: every backup in a folder, or the one file that it names.
 *
 * @throws E_FILES_MISSING, E_FILES_DENIED, E_MANIFEST
 */
export async function findCandidates(
  request: { readonly path: string; readonly tree: string | null },
  signal: AbortSignal,
): Promise<Candidate[]> {
  const { path: place, tree } = request;
  const isFolder = await stat(place).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
  if (!isFolder && place.endsWith('.json')) {
    const set = await openSet(place);
    const { name, id, takenAt } = set.manifest;
    return [{ name, id, takenAt, open: () => sourceOfSet(set, signal) }];
  }
  const found = isFolder ? await findSets(place) : [];
  if (found.length > 0) {
    return found.map((one) => {
      if (one.ok) {
        const { name, id, takenAt } = one.set.manifest;
        return { name, id, takenAt, open: () => sourceOfSet(one.set, signal) };
      }
      return { name: path.basename(one.file), id: null, takenAt: null, open: () => Promise.reject(one.error) };
    });
  }
  return [{ name: path.basename(place), id: null, takenAt: null, open: () => sourceOfFiles(place, tree, signal) }];
}

/**
 * Returns the id and time of a source. The same files always get the same id. The time comes from the manifest, else from pg_dump, else
 * from the last change of the file.
 */
export async function identify(
  { set, dump, archive }: Source,
  { signal, dumpReader }: Pick<DescribeDeps, 'signal' | 'dumpReader'>,
): Promise<{ id: string; takenAt: string }> {
  if (set !== null) return { id: set.manifest.id, takenAt: set.manifest.takenAt };
  const files = [];
  for (const file of [dump?.file, archive?.file]) if (file !== undefined) files.push(...(await filesOf(file)));
  const hashed = [];
  for (const file of files) hashed.push(await hashFile(file, signal));
  const header =
    dump === null || dump.format === 'plain' || dumpReader === null ? null : await dumpReader.header(dump.file);
  const takenAt = dumpTime(header?.get('Archive created at')) ?? (await stat(files[0]!)).mtime.toISOString();
  return { id: idOfFiles(takenAt, hashed), takenAt };
}

/**
 * Parses the time in a dump header, such as `2026-11-22 09:50:46 UTC`. The zone is ignored: it is the local clock of the machine that
 * dumped.
 */
function dumpTime(text: string | undefined): string | null {
  const [, day, time] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)/.exec(text ?? '') ?? [];
  if (day === undefined) return null;
  const date = new Date(`${day}T${time}Z`);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
