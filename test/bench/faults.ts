import path from 'node:path';
import { describe, OPERATIONS } from './faults/points.js';
import { type PointResult, sweep } from './faults/sweep.js';
import { flag, say } from './measure.js';

const SEED = 20_261_123;

/** `--points N` (all), `--seed N`, `--operation NAME`, `--done N` (go on after so many), `--only TEXT`, `--verbose`. One failing tool or file-system call per run; ends with 1 if any promise was broken. */
export async function main(args: readonly string[]): Promise<number> {
  const [points, operation] = [flag(args, 'points'), flag(args, 'operation')];
  const seed = Number(flag(args, 'seed') ?? SEED);
  const done = Number(flag(args, 'done') ?? 0);
  const only = flag(args, 'only') ?? '';
  const verbose = flag(args, 'verbose') !== undefined;
  const results: PointResult[] = [];
  const begun = performance.now();
  const left = await sweep({
    binary: path.resolve('bin/potctl.js'),
    operations: OPERATIONS.filter((name) => operation === undefined || name === operation),
    count: points === undefined ? null : Number(points),
    seed,
    done,
    only,
    onPoint(result, of) {
      results.push(result);
      for (const text of result.broken) say(`BROKEN  ${describe(result.point)}: ${text}`);
      if (verbose) say(`${describe(result.point)}: ${result.outcome} ${result.exitCode}`);
      if (results.length % 20 === 0) say(`${results.length}/${of}`);
    },
  });
  const broken = results.filter((result) => result.broken.length > 0).length;
  say();
  for (const line of table(results)) say(line);
  if (left !== null) say(`file-system calls were left out: ${left}`);
  const took = ((performance.now() - begun) / 1000).toFixed(0);
  say(`\n${results.length} points, seed ${seed}, ${took} s: ${broken} with a broken promise`);
  return broken === 0 ? 0 : 1;
}

function table(results: readonly PointResult[]): string[] {
  const groups = new Map<string, PointResult[]>();
  for (const result of results) {
    const name = `${result.point.operation} / ${result.point.kind}`;
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  return [...groups].map(([name, group]) => {
    const count = (outcome: PointResult['outcome']): number => group.filter((one) => one.outcome === outcome).length;
    const broken = group.filter((result) => result.broken.length > 0).length;
    const outcomes = `${count('failed')} failed, ${count('survived')} survived, ${count('missed')} missed`;
    return `${name.padEnd(18)} ${group.length} points: ${outcomes}, ${broken} broken`;
  });
}
