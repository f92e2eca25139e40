import { grouped } from '../../src/kernel/counted.js';
import type { Formats } from './view.js';

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Formats bytes: `125.5 MiB`, or `812 B` below 1 KiB. */
export function formatBytes(size: number): string {
  if (Math.abs(size) < 1024) return `${size} B`;
  let value = size / 1024;
  let unit = 0;
  while (Math.abs(value) >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${UNITS[unit]}`;
}

/** Formats milliseconds: `0.4s`, `38.2s`, `3m21s`, `2h05m`, `1d11h`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)}s`;
  return formatSpan(ms, true);
}

/** Formats how long before `now` a time was: `3s`, `12m`, `2h`, `1d11h`. A future time is `in 2h`. */
export function formatAge(at: Date, now: Date): string {
  const ms = now.getTime() - at.getTime();
  return ms < -999 ? `in ${formatSpan(-ms, false)}` : formatSpan(Math.max(0, ms), false);
}

/**
 * Formats a time as `2026-11-22 09:51:06Z`, with the offset instead of `Z` in zones other than UTC.
 *
 * @param zone `UTC` or an IANA time zone name
 */
export function formatInstant(at: Date, zone: string): string {
  if (zone === 'UTC') return `${at.toISOString().slice(0, 19).replace('T', ' ')}Z`;
  const parts = new Map(partsIn(zone, at).map(({ type, value }) => [type, value]));
  const get = (type: string): string => parts.get(type as Intl.DateTimeFormatPartTypes) ?? '';
  const offset = get('timeZoneName').replace('GMT', '').replace('−', '-') || '+00:00';
  return `${get('year')}-${get('month')}-${get('day')} ${get('hour')}:${get('minute')}:${get('second')}${offset}`;
}

/**
 * Formats a time as a clock on the wall shows it: `15:42`, or `2026-11-22 15:42` if that is not today.
 *
 * @param zone `UTC` means local time here, because a caller on the phone reads the time off a clock
 */
export function formatClock(at: Date, now: Date, zone: string): string {
  const local = zone === 'UTC' ? new Intl.DateTimeFormat().resolvedOptions().timeZone : zone;
  const [then, today] = [at, now].map((time) => formatInstant(time, local).slice(0, 16));
  return then!.slice(0, 10) === today!.slice(0, 10) ? then!.slice(11) : then!;
}

/** Creates the formats of one invocation: `zone` from --tz, `now` for ages. Text that is not a time is shown unchanged. */
export function createFormats(zone: string, now: Date): Formats {
  const when = (instant: string | Date, draw: (at: Date) => string): string => {
    const at = instant instanceof Date ? instant : new Date(instant);
    return Number.isNaN(at.getTime()) ? String(instant) : draw(at);
  };
  return {
    bytes: formatBytes,
    duration: formatDuration,
    count: grouped,
    age: (instant) => when(instant, (at) => formatAge(at, now)),
    instant: (instant) => when(instant, (at) => formatInstant(at, zone)),
    clock: (instant) => when(instant, (at) => formatClock(at, now, zone)),
    time: (instant) => when(instant, (at) => `${formatInstant(at, zone)} (${ago(formatAge(at, now))})`),
  };
}

function ago(age: string): string {
  return age.startsWith('in ') ? age : `${age} ago`;
}

function formatSpan(ms: number, fine: boolean): string {
  const seconds = Math.round(ms / 1_000);
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600), Math.floor(seconds / 60)];
  if (days > 0) return hours % 24 === 0 || days > 13 ? `${days}d` : `${days}d${hours % 24}h`;
  if (hours > 0) return fine ? `${hours}h${String(minutes % 60).padStart(2, '0')}m` : `${hours}h`;
  if (minutes > 0) return fine ? `${minutes}m${String(seconds % 60).padStart(2, '0')}s` : `${minutes}m`;
  return `${seconds}s`;
}

function partsIn(zone: string, at: Date): Intl.DateTimeFormatPart[] {
  return new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'longOffset',
  }).formatToParts(at);
}
