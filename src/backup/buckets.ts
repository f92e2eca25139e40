const DAY_MS = 86_400_000;

/** The day, week, month and year of a moment in a time zone. */
export interface Buckets {
  /** `2026-11-22` */
  readonly daily: string;
  /** ISO 8601, weeks start on Monday: `2026-W47` */
  readonly weekly: string;
  /** `2026-11` */
  readonly monthly: string;
  /** `2026` */
  readonly yearly: string;
}

/**
 * Returns a function that maps a moment to its day, week, month and year in a time zone. Clock changes are respected: a day may have 23 or
 * 25 hours.
 *
 * @param zone `UTC`, or a name that Intl knows
 * @throws RangeError for another zone
 */
export function calendarOf(zone: string): (atMs: number) => Buckets {
  const format = formatIn(zone);
  return (atMs) => {
    const parts = zone === 'UTC' ? dayInUtc(atMs) : format.formatToParts(atMs);
    const get = (type: string): string => parts.find((part) => part.type === type)?.value ?? '';
    return bucketsOf(Number(get('year')), Number(get('month')), Number(get('day')));
  };
}

/** Cached: creating a format takes longer than a thousand uses of it. */
const FORMATS = new Map<string, Intl.DateTimeFormat>();

function formatIn(zone: string): Intl.DateTimeFormat {
  const known = FORMATS.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: zone, calendar: 'iso8601', numberingSystem: 'latn' },
    ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
  });
  FORMATS.set(zone, format);
  return format;
}

/** Returns the canonical name of a time zone; undefined if it is unknown. */
export function zoneNamed(name: string): string | undefined {
  if (name.toUpperCase() === 'UTC') return 'UTC';
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

function dayInUtc(atMs: number): { readonly type: string; readonly value: string }[] {
  const at = new Date(atMs);
  return [
    { type: 'year', value: String(at.getUTCFullYear()) },
    { type: 'month', value: String(at.getUTCMonth() + 1) },
    { type: 'day', value: String(at.getUTCDate()) },
  ];
}

function bucketsOf(year: number, month: number, day: number): Buckets {
  const two = (value: number): string => String(value).padStart(2, '0');
  const midnight = Date.UTC(year, month - 1, day);
  // ISO 8601: a week belongs to the year of its Thursday.
  const thursday = midnight + (4 - (new Date(midnight).getUTCDay() || 7)) * DAY_MS;
  const weekYear = new Date(thursday).getUTCFullYear();
  const week = Math.floor((thursday - Date.UTC(weekYear, 0, 1)) / DAY_MS / 7) + 1;
  return {
    daily: `${year}-${two(month)}-${two(day)}`,
    weekly: `${weekYear}-W${two(week)}`,
    monthly: `${year}-${two(month)}`,
    yearly: String(year),
  };
}
