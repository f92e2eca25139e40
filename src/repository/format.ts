import { randomUUID } from 'node:crypto';
import { lstat, readdir, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import { type Advice, advice, again } from '../kernel/next.js';
import { claimName, ensureFolder, readContained, syncPath, uniqueSuffix, writeNew } from './durable.js';
import { MARKER } from './marker.js';

const MARKER_LIMIT = 1024 * 1024;
const MAJOR = 1;

/** The names in the top folder that are potctl's; everything else there belongs to somebody else. */
export const BACKUPS = 'backups';
/** Each backup's events once more, outside of its folder. */
export const HISTORIES = 'histories';
export const LOCK = 'potctl.lock';
/** Space kept back for the day on which the disk is full. */
export const RESERVE = 'potctl.reserve';
/** Folders of small documents. */
export const DOCUMENT_FOLDERS: readonly string[] = ['restores'];
const OWN_NAMES = [BACKUPS, HISTORIES, LOCK, RESERVE, 'objects', ...DOCUMENT_FOLDERS];

/** A folder with all of these belongs to another program, whose next run could delete or refuse what potctl puts there. */
const OTHERS: readonly { readonly owner: string; readonly names: readonly string[] }[] = [
  { owner: 'a restic repository', names: ['config', 'data', 'keys'] },
  { owner: 'a Borg repository', names: ['config', 'data', 'README'] },
  { owner: 'a pgBackRest repository', names: ['archive', 'backup'] },
  { owner: 'a Kopia repository', names: ['kopia.repository.f'] },
  { owner: 'the data directory of a PostgreSQL server', names: ['PG_VERSION', 'base'] },
];

/** What a path turned out to be; `absent` may become a repository with the first write. */
export interface Place {
  readonly state: 'absent' | 'ready';
  /** Free of symbolic links. */
  readonly root: string;
}

/**
 * Looks at the folder of a repository, changes nothing. A symbolic link to a folder is followed, here and never again.
 *
 * @throws PotctlError E_REPOSITORY_FORMAT: a newer major version, a file, another program's folder, a missing parent; E_FILES_DENIED
 */
export async function inspect(location: string): Promise<Place> {
  try {
    return await look(location);
  } catch (error) {
    throw fromErrno(error, `open the repository '${location}'`);
  }
}

/**
 * Makes an absent place a repository: creates the folder (the last component only), then its marker, durably. Two that do it at once
 * agree on one id.
 *
 * @throws PotctlError E_REPOSITORY_FORMAT, E_FILES_DENIED, E_NO_SPACE
 */
export async function initialise(root: string, now: Date): Promise<void> {
  try {
    await ensureFolder(root);
    await writeMarker(root, now);
    await ensureFolder(path.join(root, BACKUPS));
  } catch (error) {
    throw fromErrno(error, `create the repository '${root}'`);
  }
}

async function look(location: string): Promise<Place> {
  const root = await resolve(location);
  if (root === null) return { state: 'absent', root: await nameInParent(location) };
  if (!(await lstat(root)).isDirectory()) throw foreign(location, 'it is not a directory');
  const marker = await readContained(root, MARKER, MARKER_LIMIT);
  if (marker !== undefined) {
    checkMarker(marker, location);
    return { state: 'ready', root };
  }
  await refuseOthers(root, location);
  return { state: 'absent', root };
}

async function resolve(location: string): Promise<string | null> {
  try {
    return await realpath(location);
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) throw foreign(location, 'a part of the path is not a directory');
    if (isErrno(error, 'ELOOP')) throw foreign(location, 'its symbolic links go in a circle');
    if (!isErrno(error, 'ENOENT')) throw error;
    return null;
  }
}

async function nameInParent(location: string): Promise<string> {
  const parent = await resolve(path.dirname(location));
  if (parent === null) {
    throw foreign(location, 'the directory above it does not exist', [
      'Check the path, and whether its disk is mounted.',
      `Or create it: \`mkdir -p ${path.dirname(location)}\``,
    ]);
  }
  const root = path.join(parent, path.basename(location));
  // Something else than a link was made by somebody else in this very moment.
  const isLink = (await lstat(root).catch(() => null))?.isSymbolicLink() === true;
  if (isLink) throw foreign(location, 'it is a symbolic link to a place that does not exist');
  return root;
}

function checkMarker(text: string, location: string): void {
  const marker = parseMarker(text);
  const [, major] = /^(\d{1,9})\.\d+$/.exec(String(marker?.['format_version'])) ?? [];
  if (marker?.['format'] !== 'potctl.repository' || major === undefined) {
    throw foreign(location, `its ${MARKER} is damaged`, [
      `Compare ${MARKER} with that of another repository; the backups themselves lie in ${BACKUPS}/.`,
    ]);
  }
  if (Number(major) > MAJOR) {
    throw new PotctlError('E_REPOSITORY_FORMAT', `the repository '${location}' was written by a newer potctl`, {
      why: { format: String(marker['format_version']), understood: `${MAJOR}.x` },
      fix: ['Use the potctl that wrote it, or a newer one.'],
    });
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

async function refuseOthers(root: string, location: string): Promise<void> {
  const names = new Set(await readdir(root));
  const other = OTHERS.find((candidate) => candidate.names.every((name) => names.has(name)));
  if (other) throw foreign(location, `it is ${other.owner}`);
  const above = path.dirname(root);
  if ((await readContained(above, MARKER, MARKER_LIMIT)) !== undefined) {
    throw foreign(location, 'it lies inside of another potctl repository', [
      advice`Give that one: ${again('--repository', above)}`,
    ]);
  }
  const taken = OWN_NAMES.filter((name) => names.has(name));
  if (taken.length === 0) return;
  throw foreign(location, `it has no ${MARKER}, but holds ${taken.map((name) => `'${name}'`).join(', ')}`, [
    'Choose an empty directory.',
    `If these are potctl's own backups: \`echo '${markerText('restored')}' > ${path.join(root, MARKER)}\``,
  ]);
}

function markerText(id: string, now?: Date): string {
  const created = now === undefined ? {} : { created_at: now.toISOString() };
  return JSON.stringify({ format: 'potctl.repository', format_version: `${MAJOR}.0`, id, ...created, recipients: [] });
}

async function writeMarker(root: string, now: Date): Promise<void> {
  const temporary = path.join(root, `.${MARKER}.${uniqueSuffix()}.tmp`);
  await writeNew(temporary, `${markerText(randomUUID(), now)}\n`, 0o644);
  try {
    await claimName(temporary, path.join(root, MARKER));
  } finally {
    await rm(temporary, { force: true });
  }
  await syncPath(root);
}

function foreign(location: string, why: string, fix?: readonly Advice[]): PotctlError {
  return new PotctlError('E_REPOSITORY_FORMAT', `'${location}' cannot be used as a repository`, {
    why,
    ...(fix === undefined ? {} : { fix }),
  });
}
