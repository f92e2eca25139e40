import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Writes `passed failed` to $POTCTL_TALLY and names every skipped test with its reason. A file that cannot be loaded is one failure. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: string) => tests.filter((test) => test.result().state === state);
    const broken = modules.filter((module) => module.errors().length > 0).length;
    const tally = process.env['POTCTL_TALLY'];
    if (tally) writeFileSync(tally, `${inState('passed').length} ${inState('failed').length + broken}\n`);
    for (const test of inState('skipped')) process.stdout.write(`skipped: ${describeSkip(test)}\n`);
  }
}

function describeSkip(test: TestCase): string {
  const result = test.result();
  const why = result.state === 'skipped' && result.note ? ` (${result.note})` : '';
  return `${test.module.relativeModuleId}: ${test.fullName}${why}`;
}
