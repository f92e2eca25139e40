import path from 'node:path';
import { flag, say } from './measure.js';
import { AREAS } from './mutants/areas.js';
import type { Mutant } from './mutants/mutant.js';
import { openTrial, type Trial, type Verdict } from './mutants/trial.js';

/** `--area NAME`, `--only TEXT` (in the promise or the file), `--control` (first run the tests without a fault). Plants one fault at a time in a copy of the project and runs the tests that should notice; ends with 1 unless all are killed. */
export async function main(args: readonly string[]): Promise<number> {
  const mutants = selected(flag(args, 'area'), flag(args, 'only') ?? '');
  const begun = performance.now();
  const trial = await openTrial(path.resolve('.'));
  const counts: Record<Verdict['outcome'], number> = { killed: 0, survived: 0, 'did not build': 0, invalid: 0 };
  try {
    const failing = flag(args, 'control') === undefined ? new Set<string>() : await control(trial, mutants);
    for (const mutant of mutants) {
      const started = performance.now();
      const { outcome, detail } = await verdictOn(trial, mutant, failing);
      counts[outcome] += 1;
      const label = outcome === 'killed' ? outcome : outcome.toUpperCase();
      const took = ((performance.now() - started) / 1000).toFixed(0);
      say(`${label.padEnd(13)} ${mutant.promise} (${took} s)${detail && `\n              ${detail}`}`);
    }
  } finally {
    await trial.close();
  }
  const took = ((performance.now() - begun) / 1000).toFixed(0);
  const summary = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`);
  say(`\n${mutants.length} mutants, ${took} s: ${summary.join(', ')}`);
  return mutants.length > 0 && counts.killed === mutants.length ? 0 : 1;
}

function selected(area: string | undefined, only: string): readonly Mutant[] {
  const lists = area === undefined ? Object.values(AREAS) : [AREAS[area] ?? []];
  return lists.flat().filter(({ promise, file }) => promise.includes(only) || file.includes(only));
}

/** Each test file once; the names of those that fail without any fault. */
async function control(trial: Trial, mutants: readonly Mutant[]): Promise<ReadonlySet<string>> {
  const failing = await trial.control([...new Set(mutants.flatMap(({ tests }) => tests))]);
  for (const file of failing) say(`fails without a fault: ${file}`);
  return failing;
}

async function verdictOn(trial: Trial, mutant: Mutant, failing: ReadonlySet<string>): Promise<Verdict> {
  const already = mutant.tests.find((test) => failing.has(test));
  if (already !== undefined) return { outcome: 'invalid', detail: `${already} fails without a fault` };
  return trial.run(mutant);
}
