import { createFaultyApplication, type FaultyApplication } from './faulty-application.js';
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
  const faulty = await createFaultyApplication(binary);
  try {
    const all: Point[] = [];
    for (const operation of operations) all.push(...pointsOf(operation, await observed(faulty, operation), seed));
    const asked = all.filter((point) => describe(point).includes(only));
    const points = choose(asked, count ?? asked.length, seed).slice(done);
    for (const point of points) onPoint(await runPoint(faulty, point), points.length);
    return faulty.noCalls;
  } finally {
    await faulty.destroy();
  }
}

async function observed(faulty: FaultyApplication, operation: Operation): Promise<Inventory> {
  await faulty.prepare(operation);
  return faulty.observe(operation);
}

async function runPoint(faulty: FaultyApplication, point: Point): Promise<PointResult> {
  await faulty.prepare(point.operation);
  const ran = await faulty.strike(point);
  const { exitCode, struck } = ran;
  const outcome = !struck ? 'missed' : exitCode === 0 ? 'survived' : 'failed';
  const broken = await checkAfterFault(faulty, point, ran);
  // What nothing has touched was seen to converge when it was counted.
  if (broken.length > 0 || !(await faulty.isUntouched()))
    broken.push(...(await checkConverged(faulty, point.operation)));
  return { point, outcome, exitCode, broken };
}
