import path from 'node:path';
import { OPERATIONS, planPoints } from './kill/points.js';
import { LARGE } from './kill/sample-application.js';
import { type PointResult, sweep } from './kill/sweep.js';
import { flag, say } from './measure.js';

const SEED = 20_261_122;

/** `--points N` (200), `--seed N`, `--operation create|restore|undo`. kill -9 of potctl, its tools and the server at fixed-seed moments; ends with 1 if any promise was broken. */
export async function main(args: readonly string[]): Promise<number> {
  const count = Number(flag(args, 'points') ?? 200);
  const seed = Number(flag(args, 'seed') ?? SEED);
  const operation = flag(args, 'operation');
  const operations = OPERATIONS.filter((name) => operation === undefined || name === operation);
  const results: PointResult[] = [];
  const begun = performance.now();
  const tell = (result: PointResult): void => {
    results.push(result);
    for (const text of result.broken) say(`BROKEN  ${describe(result)}: ${text}`);
    if (results.length % 10 === 0) say(`${results.length}/${count}`);
  };
  await sweep(path.resolve('bin/potctl.js'), planPoints(count, seed, operations), tell, LARGE);
  const broken = results.filter((result) => result.broken.length > 0).length;
  say();
  for (const line of table(results)) say(line);
  say(
    `\n${count} points, seed ${seed}, ${((performance.now() - begun) / 1000).toFixed(0)} s: ${broken} with a broken promise`,
  );
  return broken === 0 ? 0 : 1;
}

const describe = ({ operation, victim, moment }: PointResult): string =>
  `${operation}, ${victim} at ${moment.toFixed(3)}`;

function table(results: readonly PointResult[]): string[] {
  const groups = new Map<string, PointResult[]>();
  for (const result of results) {
    const name = `${result.operation} / ${result.victim}${result.from === 'swap' ? ' in the swap' : ''}`;
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  return [...groups].map(([name, group]) => {
    const killed = group.filter(({ outcome }) => outcome === 'killed').length;
    const broken = group.filter((result) => result.broken.length > 0).length;
    return `${name.padEnd(28)} ${group.length} points, ${killed} killed in time, ${broken} broken`;
  });
}
