import { createHash, randomBytes } from 'node:crypto';
import { chown, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from '../kernel/errors.js';
import { appendLine, ensureFolder, readContained, replaceFile } from '../storage/directory/durable.js';
import { HISTORIES } from './format.js';
import type { BackupEvent, EventLog } from './repository.js';

const LIMIT = 64 * 1024 * 1024;

/**
 * Where the events of one backup are: in two files with the same lines, and a third outside of the backup's folder, so that damage to one
 * of them, or to that folder, is seen and loses nothing. Each line bears a checksum over itself and the backup's id. Lines without one were
 * written by older versions, which knew one file only.
 */
export interface EventFiles {
  readonly folder: string;
  readonly id: string;
  /** Stands before the names of the files. */
  readonly prefix?: string;
  /** The folder of the third file; missing = there is none. */
  readonly apart?: string;
}

/** The events of a backup of a repository. @param folder where the backup is now, if not under its id */
export function eventFilesOf(backups: string, id: string, folder = path.join(backups, id)): EventFiles {
  return { folder, id, apart: path.join(path.dirname(backups), HISTORIES) };
}

/** Reads all files. @throws PotctlError E_BACKUP_CORRUPT if one of them is a link or no file */
export async function readEvents(files: EventFiles): Promise<EventLog> {
  const known = await readAll(files);
  return { events: merge(known).flatMap(({ event }) => event ?? []), damage: damageOf(known) };
}

/** Adds an event to all files, durably, one after the other, so that a kill between them leaves no doubt which of them is behind. */
export async function appendEvent(files: EventFiles, event: BackupEvent): Promise<void> {
  const known = await readAll(files);
  const [main] = known;
  // Emptied files must not look whole again because a line was added: only a pin or an unpin says what was in them.
  const added = [...(isEmptied(known) ? [EMPTIED] : []), formatLine(files.id, event)];
  for (const file of known) {
    await unlessApart(file, files, async () => {
      // An older version wrote no copy: it begins with what is there.
      if (file.exists || main!.lines.length === 0) for (const line of added) await appendLine(file.path, line);
      else await replaceFile(file.path, [...main!.raw, ...added, ''].join('\n'));
    });
  }
  if (!known.every(({ exists }) => exists)) await giveToOwner(files);
}

/** The third file may be another user's, who shares the repository: then the two in the backup's folder must do. */
async function unlessApart(file: EventFile, { apart }: EventFiles, write: () => Promise<void>): Promise<void> {
  if (path.dirname(file.path) !== apart) return write();
  try {
    await ensureFolder(apart);
    await write();
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM')) throw error;
  }
}

/** What root writes into somebody's repository must not lock its owner out. */
async function giveToOwner(files: EventFiles): Promise<void> {
  const { uid, gid } = await stat(files.folder);
  for (const name of [...pathsOf(files), ...(files.apart === undefined ? [] : [files.apart])]) {
    const facts = await stat(name).catch(() => null);
    if (facts !== null && facts.uid !== uid) await chown(name, uid, gid).catch(() => {});
  }
}

/**
 * Makes all files the same again, where that loses nothing. What somebody appends at this moment without a lock stays in one of them.
 *
 * @returns what was wrong and is mended; null if nothing was, or nothing can be
 */
export async function mendEvents(files: EventFiles): Promise<string | null> {
  const known = await readAll(files);
  const damage = damageOf(known);
  const lines = merge(known);
  if (lines.length === 0 || damage?.lost) return null;
  const text = `${lines.map(({ raw }) => raw).join('\n')}\n`;
  const behind = known.filter((file) => !isSame(file, lines));
  for (const file of behind) await unlessApart(file, files, () => replaceFile(file.path, text));
  if (behind.length > 0) await giveToOwner(files);
  return damage?.text ?? null;
}

/** Removes what is outside of the backup's folder. */
export async function removeEventsApart({ apart, id }: EventFiles): Promise<void> {
  if (apart !== undefined) await rm(path.join(apart, `${id}.ndjson`), { force: true });
}

interface Line {
  /** Without its line feed: no two lines that this version writes are the same. */
  readonly raw: string;
  /** null = a kind that only a newer version knows. */
  readonly event: BackupEvent | null;
}

interface EventFile {
  readonly path: string;
  readonly name: string;
  readonly exists: boolean;
  /** As they stand there, the bad ones, too. */
  readonly raw: readonly string[];
  readonly lines: readonly Line[];
  readonly bad: number;
  /** Is there a bad line behind the last pin or unpin? Then that one may be out of date. */
  readonly badSincePin: boolean;
}

/** In the order of writing. */
function pathsOf({ folder, id, prefix = '', apart }: EventFiles): string[] {
  const main = path.join(folder, `${prefix}events.ndjson`);
  return [main, `${main}.copy`, ...(apart === undefined ? [] : [path.join(apart, `${id}.ndjson`)])];
}

/** Backwards: what is written later never has what the one before lacks. */
async function readAll(files: EventFiles): Promise<EventFile[]> {
  const known: EventFile[] = [];
  for (const [at, file] of [...pathsOf(files).entries()].reverse()) {
    known.unshift(
      await readFile(file, files).catch((error: unknown) => {
        // A copy that another user wrote for himself is as good as none.
        if (at === 0 || !isErrno(error, 'EACCES', 'EPERM')) throw error;
        return fileOf(file, files, undefined);
      }),
    );
  }
  return known;
}

async function readFile(file: string, files: EventFiles): Promise<EventFile> {
  return fileOf(file, files, await readContained(path.dirname(file), path.basename(file), LIMIT));
}

function fileOf(file: string, { id, apart }: EventFiles, text: string | undefined): EventFile {
  const raw = (text ?? '').split('\n').filter((line) => line !== '');
  const parsed = raw.map((line) => parseLine(id, line));
  const lines = parsed.filter((line) => line !== null);
  const pinned = parsed.findLastIndex((line) => line?.event?.type === 'pin' || line?.event?.type === 'unpin');
  return {
    ...{ raw, lines, path: file, exists: text !== undefined },
    name: path.dirname(file) === apart ? `${HISTORIES}/${path.basename(file)}` : path.basename(file),
    bad: parsed.length - lines.length,
    badSincePin: parsed.slice(pinned + 1).includes(null),
  };
}

/** All lines of all, in the order of the first; what it lacks stands behind the line that it follows in another one. */
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
    ...files.filter(({ bad }) => bad > 0).map(({ name, bad }) => `${lineCount(bad)} of ${name} cannot be read`),
    ...(inFolder > main.lines.length
      ? [`${main.name} lacks ${lineCount(inFolder - main.lines.length)} of its copy`]
      : []),
    ...(merged.length > inFolder
      ? [`${main.name} and its copy lack ${lineCount(merged.length - inFolder)} of ${files[2]!.name}`]
      : []),
  ];
  if (problems.length === 0) return null;
  // A kill between the writes leaves the copies one line behind, and no more.
  const isWhole = files.some((file, at) => isSound(file) && merged.length - file.lines.length <= (at === 0 ? 0 : 1));
  const fate = isWhole ? 'another copy has them, so nothing is lost' : 'a pin may be lost';
  return { text: `${problems.join('; ')}: ${fate}`, lost: !isWhole };
}

/** A file is made when its first line is written: one that is there without any was emptied. */
const isEmptied = (files: readonly EventFile[]): boolean =>
  files.some(({ exists }) => exists) && files.every(({ raw }) => raw.length === 0);

/** Stands for what was emptied; no line that can be read. */
const EMPTIED = '{"emptied":true}';

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
