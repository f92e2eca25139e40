import { createHash } from 'node:crypto';
import type { ErrorCode } from '../kernel/error-catalog.js';
import { PotctlError } from '../kernel/errors.js';
import type { BackupEvent, EventDamage, Repository } from '../repository/repository.js';
import { timeOfBackupId } from './id.js';
import type { Manifest } from './manifest.js';
import { parseManifest } from './parse-manifest.js';
import { type ManifestSummary, summarize } from './summary.js';

/** How many manifests are read at a time: more would only use more memory. */
const READERS = 16;

/** The result of the verification that counts: the deepest success, or a newer failure. */
export interface Verified {
  readonly level: 'quick' | 'full';
  readonly at: string;
  readonly ok: boolean;
}

/** A backup with a readable manifest. */
export interface GoodEntry {
  readonly ok: true;
  readonly id: string;
  readonly manifest: ManifestSummary;
  readonly events: readonly BackupEvent[];
  /** null = its history is undamaged. */
  readonly eventsDamage: EventDamage | null;
  readonly verified: Verified | null;
}

/** A published backup without a usable manifest. */
export interface DamagedEntry {
  readonly ok: false;
  readonly id: string;
  /** E_MANIFEST if it is damaged; E_FILES_DENIED, E_IO and others if it could not be read, so that it may be good. */
  readonly code: ErrorCode;
  /** One sentence for people. */
  readonly problem: string;
}

export type CatalogEntry = GoodEntry | DamagedEntry;

/**
 * Reads the manifests and events of all backups, newest first by manifest time, then by id. Damaged backups are sorted by the time in their
 * id. Inventories are left out, so that a thousand backups fit in memory; {@link readManifest} returns them.
 *
 * @throws PotctlError E_REPOSITORY_FORMAT, E_FILES_DENIED if the repository itself cannot be read
 */
export async function readCatalog(repository: Repository): Promise<CatalogEntry[]> {
  const ids = await repository.list();
  const entries: CatalogEntry[] = [];
  const waiting = ids[Symbol.iterator]();
  const read = async (): Promise<void> => {
    for (const id of waiting) entries.push(await readEntry(repository, id));
  };
  await Promise.all(Array.from({ length: READERS }, read));
  return entries.sort(newestFirst);
}

/**
 * Returns the whole manifest of one backup, checked against its hash file and its id.
 *
 * @throws PotctlError E_MANIFEST, E_BACKUP_NOT_FOUND
 */
export async function readManifest(repository: Repository, id: string): Promise<Manifest> {
  const text = await repository.readText(id, 'manifest.json');
  const hashLine = await repository.readText(id, 'manifest.json.sha256');
  const expected = /^([0-9a-f]{64}) [ *]manifest\.json\n?$/.exec(hashLine)?.[1];
  if (expected !== createHash('sha256').update(text).digest('hex')) {
    throw new PotctlError('E_MANIFEST', `the manifest of '${id}' is damaged`, {
      why: 'its checksum does not match manifest.json.sha256',
    });
  }
  const manifest = parseManifest(text);
  if (manifest.id === id) return manifest;
  throw new PotctlError('E_MANIFEST', `the manifest of '${id}' belongs to another backup`, {
    why: `it names '${manifest.id}'`,
  });
}

/**
 * Returns the verification that counts. A failure outweighs earlier successes, and only an equally deep success outweighs a failure: a
 * quick check unpacks nothing, so it neither renews nor overrules a full one.
 */
export function verifiedBy(events: readonly BackupEvent[]): Verified | null {
  let verified: Verified | null = null;
  for (const event of events) {
    if (event.type !== 'verify') continue;
    const outweighs = !event.ok || event.level === 'full' || verified === null || verified.level === 'quick';
    if (outweighs) verified = { level: event.level, at: event.at, ok: event.ok };
  }
  return verified;
}

/** Returns when the backup was created, RFC 3339 UTC; of a damaged one the time in its id. */
export function takenAt(entry: CatalogEntry): string {
  return entry.ok ? entry.manifest.timestamp : (timeOfBackupId(entry.id) ?? '');
}

async function readEntry(repository: Repository, id: string): Promise<CatalogEntry> {
  try {
    const manifest = summarize(await readManifest(repository, id));
    const { events, damage } = await repository.events(id);
    return { ok: true, id, manifest, events, eventsDamage: damage, verified: verifiedBy(events) };
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    return { ok: false, id, code: error.code, problem: problemOf(error) };
  }
}

function problemOf({ message, why }: PotctlError): string {
  return typeof why === 'string' ? `${message}: ${why}` : message;
}

function newestFirst(a: CatalogEntry, b: CatalogEntry): number {
  const [timeA, timeB] = [takenAt(a), takenAt(b)];
  if (timeA !== timeB) return timeA < timeB ? 1 : -1;
  return a.id < b.id ? 1 : -1;
}
