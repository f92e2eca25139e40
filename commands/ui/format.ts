import { grouped } from '../../src/kernel/counted.js';
import type { Formats } from './view.js';

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `125.5 MiB`; below 1 KiB `812 B`. */
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

/** `0.4s`, `38.2s`, `3m21s`, `2h05m`, `1d11h` from milliseconds. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)}s`;
  return formatSpan(ms, true);
}

/** How long before `now`: `3s`, `12m`, `2h`, `1d11h`; `in 2h` for what lies ahead. */
export function formatAge(at: Date, now: Date): string {
  const ms = now.getTime() - at.getTime();
  return ms < -999 ? `in ${formatSpan(-ms, false)}` : formatSpan(Math.max(0, ms), false);
}

/**
 * `2026-11-22 09:51:06Z`; in other zones the offset stands in the place of the Z.
 *
 * @param zone `UTC`, or a name that Intl knows
 */
export function formatInstant(at: Date, zone: string): string {
  if (zone === 'UTC') return `${at.toISOString().slice(0, 19).replace('T', ' ')}Z`;
  const parts = new Map(partsIn(zone, at).map(({ type, value }) => [type, value]));
  const get = (type: string): string => parts.get(type as Intl.DateTimeFormatPartTypes) ?? '';
  const offset = get('timeZoneName').replace('GMT', '').replace('−', '-') || '+00:00';
  return `${get('year')}-${get('month')}-${get('day')} ${get('hour')}:${get('minute')}:${get('second')}${offset}`;
}

/**
 * `15:42`; where that is not today, `2026-11-22 15:42`.
 *
 * @param zone `UTC` stands for local time here: who is on the phone looks at the clock on the wall
 */
export function formatClock(at: Date, now: Date, zone: string): string {
  const local = zone === 'UTC' ? new Intl.DateTimeFormat().resolvedOptions().timeZone : zone;
  const [then, today] = [at, now].map((time) => formatInstant(time, local).slice(0, 16));
  return then!.slice(0, 10) === today!.slice(0, 10) ? then!.slice(11) : then!;
}

/** The formats of one invocation: `zone` from --tz, `now` for ages. A text that is no time is shown as it is. */
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
