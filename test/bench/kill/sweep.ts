import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendants, succeeded } from '../measure.js';
import type { Operation, Point, Victim } from './points.js';
import { checkPromises, checkSuccess } from './promises.js';
import { LIMIT_MS, type Potctl, potctlFor } from './run.js';
import { createSampleApplication, type SampleApplication, type SampleSize } from './sample-application.js';

export interface PointResult extends Point {
  /** `missed`: the operation, or the tool, had ended before the kill. */
  readonly outcome: 'killed' | 'missed';
  /** Broken promises, in words; empty when all hold. */
  readonly broken: readonly string[];
}

const SWAP_MS = 60;
const TOOLS = ['pg_dump', 'pg_restore', 'pg_dumpall', 'tar'];

/** Kills potctl, its tool or the server at each point, and looks what is left: see {@link checkPromises}. */
export async function sweep(
  binary: string,
  points: readonly Point[],
  onPoint: (result: PointResult) => void,
  size?: SampleSize,
): Promise<void> {
  const sample = await createSampleApplication(async (fresh) => {
    succeeded(await potctlFor(fresh, binary).perform('create'), 'backup create');
  }, size);
  try {
    const potctl = potctlFor(sample, binary);
    const usualMs = new Map<Operation, number>();
    for (const operation of new Set(points.map((point) => point.operation))) {
      await potctl.prepare(operation);
      usualMs.set(operation, succeeded(await potctl.perform(operation), operation).wallMs);
    }
    for (const point of points) {
      const { operation } = point;
      const { result, endedMs } = await runPoint(sample, potctl, point, usualMs.get(operation) ?? 0);
      // Whoever came too late aims earlier the next time.
      if (endedMs !== undefined) usualMs.set(operation, Math.min(usualMs.get(operation) ?? endedMs, endedMs));
      onPoint(result);
    }
  } finally {
    await sample.destroy();
  }
}

interface RunOfPoint {
  readonly result: PointResult;
  /** How long the operation took, where it ended before the kill. */
  readonly endedMs: number | undefined;
}

async function runPoint(sample: SampleApplication, potctl: Potctl, point: Point, usualMs: number): Promise<RunOfPoint> {
  const { operation, victim } = point;
  await potctl.prepare(operation);
  const journals = swapJournals(sample);
  const begun = performance.now();
  const child = potctl.start(operation);
  let endedMs: number | undefined;
  const ended = once(child, 'exit').then(() => {
    endedMs = performance.now() - begun;
  });
  await untilMoment(sample, point, { child, ended, journals, usualMs });
  const hit = await strike(victim, child, sample);
  const tooLate = hit ? undefined : endedMs;
  const stuck = await Promise.race([ended.then(() => false), sleep(LIMIT_MS, true, { ref: false })]);
  child.kill('SIGKILL');
  await ended;
  if (victim === 'server') await sample.server.start();
  const broken = stuck ? [`potctl did not end within ${LIMIT_MS / 1000} s of the kill`] : [];
  if (child.exitCode === 0) broken.push(...(await checkSuccess(sample, potctl, operation)));
  broken.push(...(await checkPromises(sample, potctl, operation)));
  return { result: { ...point, outcome: hit ? 'killed' : 'missed', broken }, endedMs: tooLate };
}

async function untilMoment(
  sample: SampleApplication,
  { victim, from, moment }: Point,
  run: {
    readonly child: ChildProcess;
    readonly ended: Promise<void>;
    readonly journals: number;
    readonly usualMs: number;
  },
): Promise<void> {
  const { child, ended, journals, usualMs } = run;
  if (from === 'swap') while (isRunning(child) && swapJournals(sample) === journals) await sleep(1);
  // Tools run in the first half only.
  const spanMs = from === 'swap' ? SWAP_MS : victim === 'tool' ? usualMs / 2 : usualMs;
  await Promise.race([ended, sleep(moment * spanMs)]);
}

const isRunning = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

/** How many journals of swaps there are: one more as soon as the tree begins to swap. */
const swapJournals = ({ tree }: SampleApplication): number =>
  fs.readdirSync(tree).filter((name) => /^\.potctl-swap-.*\.ndjson$/.test(name)).length;

async function strike(victim: Victim, child: ChildProcess, { server }: SampleApplication): Promise<boolean> {
  const running = isRunning(child);
  if (victim === 'potctl') return running && child.kill('SIGKILL');
  if (victim === 'tool') return strikeTool(child);
  await server.kill();
  return running;
}

/** Tools come and go: waits for the next one, as long as potctl runs. */
async function strikeTool(child: ChildProcess): Promise<boolean> {
  while (isRunning(child)) {
    const tool = descendants(child.pid ?? 0, TOOLS).at(0);
    if (tool !== undefined && killed(tool)) return true;
    await sleep(5);
  }
  return false;
}

function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
