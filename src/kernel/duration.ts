/** Milliseconds of each unit, the largest last. */
export const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** The format of a duration: parts from large to small, e.g. `72h`, `7d`, `1d12h`. */
export const DURATION = /^(?=\d)(\d{1,6}w)?(\d{1,6}d)?(\d{1,6}h)?(\d{1,6}m)?(\d{1,8}s)?$/;

/** Milliseconds of a duration like `72h`; undefined if it is not one. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  return [...text.matchAll(/(\d+)([wdhms])/g)].reduce((sum, [, count, unit]) => {
    return sum + Number(count) * (UNIT_MS[unit ?? ''] ?? 0);
  }, 0);
}

/** Formats milliseconds so that {@link parseDuration} reads them, in as few parts as possible: `7d`, `1d12h`. Drops fractions of a second. */
export function formatDuration(ms: number): string {
  let rest = ms;
  const parts = ['d', 'h', 'm', 's'].map((unit) => {
    const size = UNIT_MS[unit] ?? 1;
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? '' : `${count}${unit}`;
  });
  return parts.join('') || '0s';
}
