import type { TourResult } from '../../src/demo/tour.js';
import type { ExitCode } from '../../src/kernel/error-catalog.js';
import { type Advice, advice, potctl } from '../../src/kernel/next.js';
import { flag, text } from '../cli/parse/options.js';
import { itemCommand } from '../command.js';
import type { View } from '../ui/view.js';
import { tourScreen } from './shared/tour.js';

type Result = TourResult | { readonly stopped: string };

/** `potctl demo`: a backup, a data loss, a restore and its undo, on its own temporary PostgreSQL server. */
export const demo = itemCommand({
  name: 'demo',
  summary: 'take a tour with sample data on a temporary server',
  examples: ['potctl demo', 'potctl demo --keep', 'potctl demo --stop /tmp/potctl-demo-a1b2c3'],
  needs: [],
  standalone: true,
  verbatim: ['environment'],
  input: {
    keep: flag('--keep', 'keep the server and the files, so that you can continue by hand'),
    stop: text('--stop <folder>', 'stop and remove a demo that was started with --keep'),
  },

  async run({ keep, stop }, { potctl, live }): Promise<Result> {
    const tour = await potctl.demo();
    return stop === undefined ? tour.tour({ keep, tell: tourScreen(live) }) : { stopped: await tour.stop(stop) };
  },

  render(result, view) {
    if ('stopped' in result) return view.line(`The demo in ${result.stopped} is stopped and removed.`);
    view.line();
    for (const line of summary(result, view)) view.line(line);
    for (const line of nextSteps(result)) view.note(line);
  },

  exitCode: (result) => ('stopped' in result ? 0 : exitCodeOf(result)),
});

/** The exit code of the failed command; 20 (integrity) if everything ran but a comparison failed. */
function exitCodeOf({ ok, failed }: TourResult): ExitCode {
  if (failed) return failed.exit_code as ExitCode;
  return ok ? 0 : 20;
}

function summary({ ok, failed, proofs, duration_ms }: TourResult, view: View): string[] {
  if (failed) {
    return [view.paint('bad', `The tour stopped: \`${failed.command}\` ended with exit code ${failed.exit_code}.`)];
  }
  const equal = proofs.filter((proof) => proof.equal).length;
  if (!ok) return [view.paint('bad', `NOT EQUAL: ${proofs.length - equal} of ${proofs.length} comparisons failed.`)];
  return [view.paint('good', `All ${equal} comparisons are equal. The tour took ${view.duration(duration_ms)}.`)];
}

function nextSteps({ kept }: TourResult): Advice[] {
  if (!kept)
    return [
      advice`Everything was removed. README.md shows your own first backup. To keep the demo next time: ${potctl('demo', '--keep')}.`,
    ];
  return [
    'The server and the files are still there. To continue by hand:',
    `  cd ${kept.work}`,
    ...Object.entries(kept.environment).map(([name, value]) => `  export ${name}=${value}`),
    `  alias potctl=${kept.program}`,
    // For the shell that these lines set up: the flags of this command line do not apply there.
    '  potctl restore plan latest --files ./storage --repository ./backups',
    'When you are done:',
    advice`  ${potctl('demo', '--stop', kept.folder)}`,
  ];
}
