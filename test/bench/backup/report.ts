import { median, megabytes, say, seconds, type Timed } from '../measure.js';

/** What was measured of one way of doing the same thing. */
export interface Contender {
  readonly name: string;
  run(): Promise<Timed & { readonly ms?: number }>;
  /** Undoes what a run left, not timed. */
  readonly reset?: () => Promise<void>;
}

/** Runs all contenders in turn, so that a busy moment hits each of them, and returns their median times in ms. */
export async function race(rounds: number, contenders: readonly Contender[]): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1) {
    // Another order each round: whoever is first meets a colder cache.
    const order = contenders.map((_, index) => contenders[(index + round) % contenders.length]!);
    for (const { name, run, reset } of order) {
      const { wallMs, ms = wallMs } = await run();
      times.set(name, [...(times.get(name) ?? []), ms]);
      await reset?.();
    }
  }
  const medians = new Map([...times].map(([name, values]) => [name, median(values)]));
  for (const { name } of contenders) {
    const spread = (times.get(name) ?? []).map(seconds).join(', ');
    say(`  ${name.padEnd(46)} ${seconds(medians.get(name) ?? 0).padStart(8)}   (${spread})`);
  }
  return medians;
}

/** One line per goal: the ratio, the limit and whether it was met. A miss is told, and fails nothing. */
export function ratio(what: string, ours: number, theirs: number, limit: number): void {
  const value = ours / theirs;
  say(`  ${value <= limit ? 'met ' : 'MISS'}  ${what}: ${value.toFixed(2)} × (goal ≤ ${limit} ×)`);
}

export function atMost(what: string, value: number, limit: number, unit: 'MB' | 'ms'): void {
  const shown = unit === 'MB' ? megabytes(value) : `${value.toFixed(0)} ms`;
  say(
    `  ${value <= limit ? 'met ' : 'MISS'}  ${what}: ${shown} (goal < ${unit === 'MB' ? megabytes(limit) : `${limit} ms`})`,
  );
}

export function atLeast(what: string, bytesPerSecond: number, limit: number): void {
  const met = bytesPerSecond >= limit;
  say(`  ${met ? 'met ' : 'MISS'}  ${what}: ${megabytes(bytesPerSecond)}/s (goal ≥ ${megabytes(limit)}/s)`);
}
