import { createPlace, type Place } from './place.js';
import { choose, describe, type Inventory, type Operation, type Point, pointsOf } from './points.js';
import { checkAfterFault, checkConverged } from './promises.js';

/** What came of one point. */
export interface PointResult {
  readonly point: Point;
  /** `survived`: it ended with 0 and did what it says; `missed`: the moment never came. */
  readonly outcome: 'failed' | 'survived' | 'missed';
  readonly exitCode: number | null;
  /** Broken promises, in words; empty when all hold. */
  readonly broken: readonly string[];
}

export interface SweepRequest {
  readonly binary: string;
  readonly operations: readonly Operation[];
  /** How many of all points; null = all. */
  readonly count: number | null;
  readonly seed: number;
  /** How many of those were done by a run that was cut short. */
  readonly done?: number;
  /** Only points whose description has this text. */
  readonly only?: string;
  readonly onPoint: (result: PointResult, of: number) => void;
}

/**
 * Makes one thing fail in each run, a tool or a file-system call, and looks what is left: see {@link checkAfterFault}, {@link checkConverged}.
 *
 * @returns why file-system calls were left out; null = they were not
 */
export async function sweep({
  binary,
  operations,
  count,
  seed,
  done = 0,
  only = '',
  onPoint,
}: SweepRequest): Promise<string | null> {
  const place = await createPlace(binary);
  try {
    const all: Point[] = [];
    for (const operation of operations) all.push(...pointsOf(operation, await observed(place, operation), seed));
    const asked = all.filter((point) => describe(point).includes(only));
    const points = choose(asked, count ?? asked.length, seed).slice(done);
    for (const point of points) onPoint(await runPoint(place, point), points.length);
    return place.noCalls;
  } finally {
    await place.destroy();
  }
}

async function observed(place: Place, operation: Operation): Promise<Inventory> {
  await place.prepare(operation);
  return place.observe(operation);
}

async function runPoint(place: Place, point: Point): Promise<PointResult> {
  await place.prepare(point.operation);
  const ran = await place.strike(point);
  const { exitCode, struck } = ran;
  const outcome = !struck ? 'missed' : exitCode === 0 ? 'survived' : 'failed';
  const broken = await checkAfterFault(place, point, ran);
  // What nothing has touched was seen to converge when it was counted.
  if (broken.length > 0 || !(await place.isUntouched())) broken.push(...(await checkConverged(place, point.operation)));
  return { point, outcome, exitCode, broken };
}
