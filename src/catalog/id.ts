import { randomBytes } from 'node:crypto';

const ID = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z-([0-9a-f]{6})$/;

/**
 * Makes the id of a backup that starts at `now`, e.g. `20261122T095106Z-7f3a9c`: UTC to the second, then 6 random hex digits. Ids sort by
 * time; ids of the same second differ by chance only.
 *
 * @param random returns random bytes; replaced in tests. The default is cryptographic.
 */
export function makeBackupId(now: Date, random: (size: number) => Uint8Array = randomBytes): string {
  const seconds = now.toISOString().slice(0, 19).replace(/[-:]/g, '');
  return `${seconds}Z-${Buffer.from(random(3)).toString('hex')}`;
}

/** Returns the time in an id as RFC 3339 UTC with ms; null if it is not a backup id or not a real time. */
export function timeOfBackupId(id: string): string | null {
  const [, year, month, day, hour, minute, second] = ID.exec(id) ?? [];
  if (year === undefined) return null;
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : text;
}

/** Returns the random part of an id, which serves as its short name. */
export function shortBackupId(id: string): string {
  return id.slice(id.lastIndexOf('-') + 1);
}
