import { randomUUID } from 'node:crypto';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import { advice, again } from '../kernel/next.js';
import { unusable } from '../storage/failures.js';
import { MARKER } from '../storage/marker.js';
import type { Layout, Storage } from '../storage/storage.js';

const MARKER_LIMIT = 1024 * 1024;
const MAJOR = 1;

/** Each backup is a group of keys that its manifest publishes. */
export const LAYOUT: Layout = { folder: 'backups', name: /^\d{8}T\d{6}Z-[0-9a-f]{6}$/, last: 'manifest.json' };
/** Another copy of each backup's events, outside its folder. */
export const HISTORIES = 'histories';
export const LOCK = 'potctl.lock';
/** Space reserved for a full disk. */
export const RESERVE = 'potctl.reserve';
/** Folders of small documents. */
export const DOCUMENT_FOLDERS: readonly string[] = ['restores'];
/** The names at the top level that belong to potctl; everything else belongs to others. */
const OWN_NAMES = [LAYOUT.folder, HISTORIES, LOCK, RESERVE, 'objects', ...DOCUMENT_FOLDERS];

/** A folder with all of these names belongs to another program, which could delete or refuse files of potctl there. */
const OTHERS: readonly { readonly owner: string; readonly names: readonly string[] }[] = [
  { owner: 'a restic repository', names: ['config', 'data', 'keys'] },
  { owner: 'a Borg repository', names: ['config', 'data', 'README'] },
  { owner: 'a pgBackRest repository', names: ['archive', 'backup'] },
  { owner: 'a Kopia repository', names: ['kopia.repository.f'] },
  { owner: 'the data directory of a PostgreSQL server', names: ['PG_VERSION', 'base'] },
];

/**
 * Returns whether the storage contains a repository. Changes nothing; false = the first write may create one.
 *
 * @throws PotctlError E_REPOSITORY_FORMAT: a newer major version, another program's folder; E_FILES_DENIED
 */
export async function isReady(storage: Storage): Promise<boolean> {
  try {
    if (!(await storage.isThere())) return false;
    const marker = (await storage.get(MARKER, { limit: MARKER_LIMIT }))?.toString('utf8');
    if (marker === undefined) await refuseOthers(storage);
    else checkMarker(marker, storage.url);
    return marker !== undefined;
  } catch (error) {
    throw fromErrno(error, `open the repository '${storage.url}'`);
  }
}

/**
 * Creates a repository in an empty place: the directory (only the last component of its path), then its marker, durably. Two concurrent
 * calls agree on one id.
 *
 * @throws PotctlError E_REPOSITORY_FORMAT, E_FILES_DENIED, E_NO_SPACE
 */
export async function initialize(storage: Storage, now: Date): Promise<void> {
  try {
    await storage.create();
    await storage.put(MARKER, `${markerText(randomUUID(), now)}\n`, { create: true, readable: true });
  } catch (error) {
    throw fromErrno(error, `create the repository '${storage.placeOf('')}'`);
  }
}

function checkMarker(text: string, location: string): void {
  const marker = parseMarker(text);
  const [, major] = /^(\d{1,9})\.\d+$/.exec(String(marker?.['format_version'])) ?? [];
  if (marker?.['format'] !== 'potctl.repository' || major === undefined) {
    throw unusable(location, `its ${MARKER} is damaged`, [
      `Compare ${MARKER} with that of another repository; the backups themselves are in ${LAYOUT.folder}/.`,
    ]);
  }
  if (Number(major) > MAJOR) {
    throw new PotctlError(
      'E_REPOSITORY_FORMAT',
      `the repository '${location}' was written by a newer version of potctl`,
      {
        why: { format: String(marker['format_version']), understood: `${MAJOR}.x` },
        fix: ['Use that version of potctl, or a newer one.'],
      },
    );
  }
}

function parseMarker(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

async function refuseOthers(storage: Storage): Promise<void> {
  const { url } = storage;
  const names = new Set(await storage.list(''));
  const other = OTHERS.find((candidate) => candidate.names.every((name) => names.has(name)));
  if (other) throw unusable(url, `it is ${other.owner}`);
  const above = await storage.around(MARKER);
  if (above !== null) {
    throw unusable(url, 'it is inside another potctl repository', [
      advice`Use that repository: ${again('--repository', above)}`,
    ]);
  }
  const taken = OWN_NAMES.filter((name) => names.has(name));
  if (taken.length === 0) return;
  throw unusable(url, `it has no ${MARKER}, but contains ${taken.map((name) => `'${name}'`).join(', ')}`, [
    'Choose an empty directory.',
    `If these are potctl's own backups: \`echo '${markerText('restored')}' > ${storage.placeOf(MARKER)}\``,
  ]);
}

function markerText(id: string, now?: Date): string {
  const created = now === undefined ? {} : { created_at: now.toISOString() };
  return JSON.stringify({ format: 'potctl.repository', format_version: `${MAJOR}.0`, id, ...created, recipients: [] });
}
