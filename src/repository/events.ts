import type { BackupEvent } from './repository.js';

/** One event as its line of events.ndjson, without the line feed. */
export function formatEvent(event: BackupEvent): string {
  return JSON.stringify(event);
}

/** The events of a file in their order. Cut or overwritten lines, and kinds that this version does not know, are left out. */
export function parseEvents(text: string): BackupEvent[] {
  return text.split('\n').flatMap((line) => {
    const event = parseLine(line);
    return event === null ? [] : [event];
  });
}

function parseLine(line: string): BackupEvent | null {
  try {
    const value: unknown = JSON.parse(line);
    return isEvent(value) ? value : null;
  } catch {
    return null;
  }
}

function isEvent(value: unknown): value is BackupEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { at, by, type } = value as Record<string, unknown>;
  if (!isTime(at) || typeof by !== 'string' || typeof type !== 'string') return false;
  return Object.hasOwn(SHAPES, type) && SHAPES[type as BackupEvent['type']](value as Record<string, unknown>);
}

const SHAPES: Readonly<Record<BackupEvent['type'], (event: Record<string, unknown>) => boolean>> = {
  verify: ({ ok, level, problems }) =>
    typeof ok === 'boolean' &&
    (level === 'quick' || level === 'full') &&
    Array.isArray(problems) &&
    problems.every(isText),
  restore: ({ ok, run, target, duration_ms }) =>
    typeof ok === 'boolean' && isText(run) && isText(target) && Number.isFinite(duration_ms),
  pin: ({ reason, until }) => isText(reason) && (until === null || isTime(until)),
  unpin: ({ reason }) => reason === null || isText(reason),
  tombstone: ({ reason }) => isText(reason),
};

const isText = (value: unknown): boolean => typeof value === 'string';

function isTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value));
}
