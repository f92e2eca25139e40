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
  const { at, by, ok, type, level, problems, run, target, duration_ms } = value as Record<string, unknown>;
  const isTime = typeof at === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(at) && !Number.isNaN(Date.parse(at));
  if (!isTime || typeof by !== 'string' || typeof ok !== 'boolean') return false;
  if (type === 'restore') return typeof run === 'string' && typeof target === 'string' && Number.isFinite(duration_ms);
  if (type !== 'verify' || (level !== 'quick' && level !== 'full')) return false;
  return Array.isArray(problems) && problems.every((problem) => typeof problem === 'string');
}
