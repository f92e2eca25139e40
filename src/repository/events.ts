import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { PotctlError } from '../kernel/errors.js';
import { isDenied } from '../storage/failures.js';
import type { Storage } from '../storage/storage.js';
import { HISTORIES, LAYOUT } from './format.js';
import type { BackupEvent, EventLog } from './repository.js';

const LIMIT = 64 * 1024 * 1024;

/**
 * The files with the events of one backup: two in the backup's folder with the same lines, and a third outside, so that damage to one of
 * them, or to the folder, is noticed and loses nothing. Each line has a checksum over itself and the backup's id. Lines without one were
 * written by older versions, which had only one file.
 */
export interface EventKeys {
  readonly storage: Pick<Storage, 'get' | 'put' | 'append' | 'remove' | 'tidy'>;
  readonly id: string;
  /** The first file; its copy has the suffix `.copy`. */
  readonly main: string;
  /** The third file; missing = none. */
  readonly apart?: string;
  /** New files get the owner of this folder. */
  readonly ownedLike: string;
}

/** Returns the event files of a backup. @param folder where the backup is now, if not under its id */
export function eventKeysOf(storage: Storage, id: string, folder = `${LAYOUT.folder}/${id}`): EventKeys {
  return { storage, id, main: `${folder}/events.ndjson`, apart: `${HISTORIES}/${id}.ndjson`, ownedLike: folder };
}

/** Reads the events from all files. @throws PotctlError E_BACKUP_CORRUPT if one of them is a link or not a regular file */
export async function readEvents(keys: EventKeys): Promise<EventLog> {
  const known = await readAll(keys);
  return { events: merge(known).flatMap(({ event }) => event ?? []), damage: damageOf(known) };
}

/** Appends an event durably to all files, one after the other, so that after a kill it is clear which of them is behind. */
export async function appendEvent(keys: EventKeys, event: BackupEvent): Promise<void> {
  const { storage, ownedLike } = keys;
  const known = await readAll(keys);
  const [main] = known;
  // Emptied files must not look complete again because a line was added: only a pin or an unpin settles what was in them.
  const added = [...(isEmptied(known) ? [EMPTIED] : []), formatLine(keys.id, event)];
  for (const file of known) {
    await unlessApart(file, keys, async () => {
      // Older versions wrote no copy: start it with the existing lines.
      if (file.exists || main!.lines.length === 0)
        for (const line of added) await storage.append(file.key, line, { ownedLike });
      else await storage.put(file.key, [...main!.raw, ...added, ''].join('\n'), { ownedLike });
    });
  }
}

/** Writes a file, but tolerates a denied third one: in a shared repository it may belong to another user. */
async function unlessApart({ key }: EventFile, { id, apart }: EventKeys, write: () => Promise<void>): Promise<void> {
  if (key !== apart) return write();
  try {
    await write();
  } catch (error) {
    if (isDenied(error)) return;
    const changedDetail = `it was recorded in the folder of the backup '${id}', but not in '${apart}'`;
    throw error instanceof PotctlError ? error.with({ changed: 'partial', changedDetail }) : error;
  }
}

/**
 * Repairs the event files, if that loses nothing: all of them get the same lines. What somebody appends at this moment without a lock stays
 * in one of them.
 *
 * @returns what was repaired; null if nothing was wrong, or it cannot be repaired
 */
export async function repairEvents(keys: EventKeys): Promise<string | null> {
  const { storage, ownedLike } = keys;
  const known = await readAll(keys);
  const damage = damageOf(known);
  const lines = merge(known);
  if (lines.length === 0 || damage?.lost) return null;
  const text = `${lines.map(({ raw }) => raw).join('\n')}\n`;
  for (const file of known.filter((file) => !isSame(file, lines)))
    await unlessApart(file, keys, async () => void (await storage.put(file.key, text, { ownedLike })));
  return damage?.text ?? null;
}

/** Removes event files that killed runs left half-written. @param nowMs the present by the storage's own clock */
export async function tidyEvents(keys: EventKeys, nowMs: number): Promise<void> {
  const names = keysOf(keys);
  const folders = new Set(names.map((key) => path.posix.dirname(key)));
  for (const folder of folders)
    await keys.storage.tidy(folder, (name) => names.includes(path.posix.join(folder, name)), nowMs);
}

/** Removes the event file outside the backup's folder. One that belongs to another user stays, and the backup is removed all the same. */
export async function removeEventsApart({ storage, apart }: EventKeys): Promise<void> {
  try {
    if (apart !== undefined) await storage.remove(apart);
  } catch (error) {
    if (!isDenied(error)) throw error;
  }
}

interface Line {
  /** The line without its line feed. Lines written by this version are unique. */
  readonly raw: string;
  /** null = an event type of a newer version. */
  readonly event: BackupEvent | null;
}

interface EventFile {
  readonly key: string;
  /** The name for messages. */
  readonly name: string;
  readonly exists: boolean;
  /** The lines as stored, including damaged ones. */
  readonly raw: readonly string[];
  readonly lines: readonly Line[];
  readonly bad: number;
  /** Whether a damaged line follows the last pin or unpin, which may then be outdated. */
  readonly badSincePin: boolean;
}

/** Returns the files in the order of writing. */
const keysOf = ({ main, apart }: EventKeys): string[] => [
  main,
  `${main}.copy`,
  ...(apart === undefined ? [] : [apart]),
];

/** Reads the files backwards, so that a file read later never lacks a line of one read before. */
async function readAll(keys: EventKeys): Promise<EventFile[]> {
  const known: EventFile[] = [];
  for (const [at, key] of [...keysOf(keys).entries()].reverse()) {
    known.unshift(
      await readFile(key, keys).catch((error: unknown) => {
        // A copy that only another user can read is treated as missing.
        if (at === 0 || !isDenied(error)) throw error;
        return fileOf(key, keys, undefined);
      }),
    );
  }
  return known;
}

async function readFile(key: string, keys: EventKeys): Promise<EventFile> {
  return fileOf(key, keys, (await keys.storage.get(key, { limit: LIMIT }))?.toString('utf8'));
}

function fileOf(key: string, { id, apart }: EventKeys, text: string | undefined): EventFile {
  const raw = (text ?? '').split('\n').filter((line) => line !== '');
  const parsed = raw.map((line) => parseLine(id, line));
  const lines = parsed.filter((line) => line !== null);
  const pinned = parsed.findLastIndex((line) => line?.event?.type === 'pin' || line?.event?.type === 'unpin');
  return {
    ...{ raw, lines, key, exists: text !== undefined },
    name: key === apart ? key : key.slice(key.lastIndexOf('/') + 1),
    bad: parsed.length - lines.length,
    badSincePin: parsed.slice(pinned + 1).includes(null),
  };
}

/** Merges the lines of all files in the order of the first; a line that it lacks is inserted after the line that precedes it elsewhere. */
function merge([main, ...others]: readonly EventFile[]): Line[] {
  const merged = [...main!.lines];
  const places = new Set(merged.map(({ raw }) => raw));
  for (const { lines } of others) {
    let after = -1;
    for (const line of lines) {
      if (places.has(line.raw)) after = merged.findIndex(({ raw }) => raw === line.raw);
      else {
        after += 1;
        merged.splice(after, 0, line);
        places.add(line.raw);
      }
    }
  }
  return merged;
}

function damageOf(files: readonly EventFile[]): EventLog['damage'] {
  if (isEmptied(files)) return { text: `${files[0]!.name} and its copies are empty: a pin may be lost`, lost: true };
  const merged = merge(files);
  const [main, copy] = files as [EventFile, EventFile];
  const inFolder = merge([main, copy]).length;
  const problems = [
    ...files
      .filter(({ bad }) => bad > 0)
      .map(({ name, bad }) => `${lineCount(bad)} of ${name} ${bad === 1 ? 'is' : 'are'} damaged`),
    ...(inFolder > main.lines.length
      ? [`${main.name} lacks ${lineCount(inFolder - main.lines.length)} that its copy has`]
      : []),
    ...(merged.length > inFolder
      ? [`${main.name} and its copy lack ${lineCount(merged.length - inFolder)} that ${files[2]!.name} has`]
      : []),
  ];
  if (problems.length === 0) return null;
  // A kill between two writes leaves the copies at most one line behind.
  const isWhole = files.some((file, at) => isSound(file) && merged.length - file.lines.length <= (at === 0 ? 0 : 1));
  const fate = isWhole ? 'another copy has them, so nothing is lost' : 'a pin may be lost';
  return { text: `${problems.join('; ')}: ${fate}`, lost: !isWhole };
}

/** Returns whether the files were emptied: a file is created with its first line, so one without lines was emptied. */
const isEmptied = (files: readonly EventFile[]): boolean =>
  files.some(({ exists }) => exists) && files.every(({ raw }) => raw.length === 0);

/** Marks that earlier lines were emptied; itself an unreadable line. */
const EMPTIED = '{"emptied":true}';

const isSound = ({ lines, badSincePin }: EventFile): boolean => lines.length > 0 && !badSincePin;

const lineCount = (count: number): string => (count === 1 ? '1 line' : `${count} lines`);

function isSame({ bad, lines }: EventFile, wanted: readonly Line[]): boolean {
  return bad === 0 && lines.length === wanted.length && lines.every(({ raw }, at) => raw === wanted[at]?.raw);
}

/** Formats a line. The random key makes it unique, even if two lines record the same event at the same time. */
function formatLine(id: string, event: BackupEvent): string {
  const body = { ...event, key: randomBytes(4).toString('hex') };
  return JSON.stringify({ ...body, sum: sumOf(id, body) });
}

const sumOf = (id: string, body: object): string =>
  createHash('sha256')
    .update(`${id}\n${JSON.stringify(body)}`)
    .digest('hex')
    .slice(0, 16);

/** Parses a line; null if it is damaged. */
function parseLine(id: string, raw: string): Line | null {
  const value = parseObject(raw);
  if (value === null) return null;
  const { sum, ...body } = value;
  if (sum === undefined && body['key'] === undefined) {
    const event = eventOf(body);
    return event && { raw, event };
  }
  if (sum !== sumOf(id, body) || raw !== JSON.stringify(value)) return null;
  const { key: _, ...event } = body;
  return { raw, event: eventOf(event) };
}

function parseObject(raw: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(raw);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function eventOf(value: Record<string, unknown>): BackupEvent | null {
  const { at, by, type } = value;
  if (!isTime(at) || typeof by !== 'string' || typeof type !== 'string' || !Object.hasOwn(SHAPES, type)) return null;
  return SHAPES[type as BackupEvent['type']](value) ? (value as unknown as BackupEvent) : null;
}

const SHAPES: Readonly<Record<BackupEvent['type'], (event: Record<string, unknown>) => boolean>> = {
  verify: ({ ok, level, problems }) =>
    typeof ok === 'boolean' &&
    (level === 'quick' || level === 'full') &&
    Array.isArray(problems) &&
    problems.every(isText),
  restore: ({ ok, run, target, duration_ms, parts = [] }) =>
    typeof ok === 'boolean' && isText(run) && isText(target) && Number.isFinite(duration_ms) && Array.isArray(parts),
  pin: ({ reason, until }) => isText(reason) && (until === null || isTime(until)),
  unpin: ({ reason }) => reason === null || isText(reason),
  tombstone: ({ reason }) => isText(reason),
};

const isText = (value: unknown): boolean => typeof value === 'string';

function isTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value));
}
