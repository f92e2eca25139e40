import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TocEntry } from '../../dump/toc.js';
import type { Check } from '../../kernel/check.js';
import { makeShortLivedFolder, removeShortLivedFolder } from '../../kernel/short-lived.js';
import { type FailedObject, objectName } from './failed-objects.js';

/** Entries of a dump that are skipped, and how to report them. */
export interface LeftBehind {
  readonly dumpIds: ReadonlySet<number>;
  readonly failed: readonly FailedObject[];
}

/**
 * The entries whose rows are in a damaged file: pg_restore would stop at the first of them, even if told to continue past errors. Pure.
 *
 * @param damaged failed checks of the stored backup; each has the path of its file as its name
 */
export function damagedEntries(toc: readonly TocEntry[], damaged: readonly Check[]): LeftBehind {
  const found = damaged.flatMap((check) => entriesOf(toc, check).map((entry) => ({ entry, check })));
  const failed = found.map(({ entry, check }) => {
    const name = objectName(entry);
    const detail = `${name.replace(/^object:/, '')}: skipped, because "${check.name}" is damaged (${check.detail})`;
    return { name, state: 'fail' as const, detail, error: detail, functions: [] };
  });
  return { dumpIds: new Set(found.map(({ entry }) => entry.dumpId)), failed };
}

function entriesOf(toc: readonly TocEntry[], { name }: Check): TocEntry[] {
  const file = path.posix.basename(name);
  const dumpId = /^(\d+)\.dat(\.\w+)?$/.exec(file)?.[1];
  if (dumpId !== undefined) return toc.filter((entry) => entry.dumpId === Number(dumpId));
  return /^blobs?_.*\.(dat|toc)|^blobs\.toc$/.test(file) ? toc.filter(({ desc }) => desc === 'BLOBS') : [];
}

/** Calls `work` with the option that makes pg_restore skip those entries; without options if there are none. */
export async function withoutEntries<T>(
  toc: readonly TocEntry[],
  { dumpIds }: LeftBehind,
  scratch: string,
  work: (options: readonly string[]) => Promise<T>,
): Promise<T> {
  if (dumpIds.size === 0) return work([]);
  const folder = await makeShortLivedFolder(scratch, 'list');
  try {
    const list = path.join(folder, 'list');
    const kept = toc.filter(({ dumpId }) => !dumpIds.has(dumpId));
    await writeFile(list, kept.map(({ dumpId }) => `${dumpId};\n`).join(''));
    return await work([`--use-list=${list}`]);
  } finally {
    await removeShortLivedFolder(folder);
  }
}
