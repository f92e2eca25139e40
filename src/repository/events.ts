import { createHash, randomBytes } from 'node:crypto';
import { chown, stat } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from '../errors.js';
import { appendLine, readContained, replaceFile } from './durable.js';
import type { BackupEvent, EventLog } from './repository.js';

const LIMIT = 64 * 1024 * 1024;

/**
 * Where the events of one backup are: in two files with the same lines, so that damage to one of them is seen and loses nothing. Each line
 * bears a checksum over itself and the backup's id. Lines without one were written by older versions, which knew no copy.
 */
export interface EventFiles {
  readonly folder: string;
  readonly id: string;
  /** Stands before the names of the files. */
  readonly prefix?: string;
}

/** Reads both files. @throws PotctlError E_BACKUP_CORRUPT if one of them is a link or no file */
export async function readEvents(files: EventFiles): Promise<EventLog> {
  const { main, copy } = await readBoth(files);
  const lines = merge(main, copy);
  return { events: lines.flatMap(({ event }) => event ?? []), damage: damageOf(main, copy) };
}

/** Adds an event to both files, durably; the copy second, so that a kill between them leaves no doubt which of them is behind. */
export async function appendEvent(files: EventFiles, event: BackupEvent): Promise<void> {
  const line = formatLine(files.id, event);
  const { main, copy } = namesOf(files);
  const known = await readBoth(files);
  await appendLine(main, line);
  // An older version wrote no copy: it begins with what is there.
  if (known.copy.exists || known.main.lines.length === 0) await appendLine(copy, line);
  else await replaceFile(copy, [...known.main.raw, line, ''].join('\n'));
  if (!known.main.exists || !known.copy.exists) await giveToOwner(files);
}

/** What root writes into somebody's repository must not lock its owner out. */
async function giveToOwner(files: EventFiles): Promise<void> {
  const { uid, gid } = await stat(files.folder);
  for (const name of Object.values(namesOf(files))) {
    const facts = await stat(name).catch(() => null);
    if (facts !== null && facts.uid !== uid) await chown(name, uid, gid).catch(() => {});
  }
}

/**
 * Makes both files the same again, where that loses nothing. What somebody appends at this moment without a lock stays in one of them.
 *
 * @returns what was wrong and is mended; null if nothing was, or nothing can be
 */
export async function mendEvents(files: EventFiles): Promise<string | null> {
  const { main, copy } = await readBoth(files);
  const damage = damageOf(main, copy);
  const lines = merge(main, copy);
  if (lines.length === 0 || damage?.lost) return null;
  const text = `${lines.map(({ raw }) => raw).join('\n')}\n`;
  const names = namesOf(files);
  if (!isSame(main, lines)) await replaceFile(names.main, text);
  if (!isSame(copy, lines)) await replaceFile(names.copy, text);
  if (!isSame(main, lines) || !isSame(copy, lines)) await giveToOwner(files);
  return damage?.text ?? null;
}

interface Line {
  /** Without its line feed: no two lines that this version writes are the same. */
  readonly raw: string;
  /** null = a kind that only a newer version knows. */
  readonly event: BackupEvent | null;
}

interface EventFile {
  readonly name: string;
  readonly exists: boolean;
  /** As they stand there, the bad ones, too. */
  readonly raw: readonly string[];
  readonly lines: readonly Line[];
  readonly bad: number;
  /** Is there a bad line behind the last pin or unpin? Then that one may be out of date. */
  readonly badSincePin: boolean;
}

function namesOf({ folder, prefix = '' }: EventFiles): { readonly main: string; readonly copy: string } {
  return {
    main: path.join(folder, `${prefix}events.ndjson`),
    copy: path.join(folder, `${prefix}events.ndjson.copy`),
  };
}

/** The copy first: it is written second, so that it never has what the other one lacks. */
async function readBoth(files: EventFiles): Promise<{ readonly main: EventFile; readonly copy: EventFile }> {
  const names = namesOf(files);
  // One that another user wrote for himself is as good as none.
  const copy = await readFile(names.copy, files).catch((error: unknown) => {
    if (!isErrno(error, 'EACCES', 'EPERM')) throw error;
    return fileOf(names.copy, files, undefined);
  });
  return { copy, main: await readFile(names.main, files) };
}

async function readFile(file: string, files: EventFiles): Promise<EventFile> {
  return fileOf(file, files, await readContained(files.folder, path.basename(file), LIMIT));
}

function fileOf(file: string, { id }: EventFiles, text: string | undefined): EventFile {
  const raw = (text ?? '').split('\n').filter((line) => line !== '');
  const parsed = raw.map((line) => parseLine(id, line));
  const lines = parsed.filter((line) => line !== null);
  const pinned = parsed.findLastIndex((line) => line?.event?.type === 'pin' || line?.event?.type === 'unpin');
  return {
    ...{ raw, lines, name: path.basename(file), exists: text !== undefined },
    bad: parsed.length - lines.length,
    badSincePin: parsed.slice(pinned + 1).includes(null),
  };
}

/** All lines of both, in the order of the first; what it lacks stands behind the line that it follows in the copy. */
function merge(main: EventFile, copy: EventFile): Line[] {
  const merged = [...main.lines];
  const places = new Set(merged.map(({ raw }) => raw));
  let after = -1;
  for (const line of copy.lines) {
    if (places.has(line.raw)) after = merged.findIndex(({ raw }) => raw === line.raw);
    else {
      after += 1;
      merged.splice(after, 0, line);
      places.add(line.raw);
    }
  }
  return merged;
}

function damageOf(main: EventFile, copy: EventFile): EventLog['damage'] {
  const known = new Set(main.lines.map(({ raw }) => raw));
  const lacking = copy.lines.filter(({ raw }) => !known.has(raw)).length;
  const problems = [
    ...[main, copy].filter(({ bad }) => bad > 0).map(({ name, bad }) => `${lineCount(bad)} of ${name} cannot be read`),
    ...(lacking > 0 ? [`${main.name} lacks ${lineCount(lacking)} of its copy`] : []),
  ];
  if (problems.length === 0) return null;
  // A kill between the two leaves the copy one line behind, and no more.
  const isWhole = (isSound(main) && lacking === 0) || (isSound(copy) && copy.lines.length + 1 >= main.lines.length);
  const fate = isWhole ? 'the other copy has them, so nothing is lost' : 'a pin may be lost';
  return { text: `${problems.join('; ')}: ${fate}`, lost: !isWhole };
}

const isSound = ({ lines, badSincePin }: EventFile): boolean => lines.length > 0 && !badSincePin;

const lineCount = (count: number): string => (count === 1 ? '1 line' : `${count} lines`);

function isSame({ bad, lines }: EventFile, wanted: readonly Line[]): boolean {
  return bad === 0 && lines.length === wanted.length && lines.every(({ raw }, at) => raw === wanted[at]?.raw);
}

/** The key makes each line the only one of its kind, also where two say the same at the same time. */
function formatLine(id: string, event: BackupEvent): string {
  const body = { ...event, key: randomBytes(4).toString('hex') };
  return JSON.stringify({ ...body, sum: sumOf(id, body) });
}

const sumOf = (id: string, body: object): string =>
  createHash('sha256')
    .update(`${id}\n${JSON.stringify(body)}`)
    .digest('hex')
    .slice(0, 16);

/** null = it is not as it was written. */
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
