import { newRunId, newTraceId } from '../../../src/host/identity.js';
import { systemClock } from '../../../src/kernel/clock.js';
import type { ExitCode } from '../../../src/kernel/error-catalog.js';
import { createDiagnostics } from '../../ui/diagnostics.js';
import { createDraw } from '../../ui/paint.js';
import { NOWHERE } from './next.js';
import { asPotctlError, report } from './report.js';
import type { Frame } from './runtime.js';
import { wantsColor } from './streams.js';

/** Reports an error of the command line itself. Its flags are not parsed yet, so --json is looked up in the words. */
export async function reportUnparsed(frame: Frame, error: unknown): Promise<ExitCode> {
  const { argv, host, errors } = frame;
  const asked = argv.some(
    (word, at) => /^(--json|--output=n?d?json|-on?d?json)$/.test(word) || isJsonAfter(argv[at - 1], word),
  );
  const json = asked || /^n?d?json$/.test(host.env['POTCTL_OUTPUT'] ?? '');
  const [runId, traceId] = [newRunId(systemClock.now()), newTraceId()];
  const draw = await createDraw(wantsColor(errors.isTerminal, 'auto', host.env));
  const debug = argv.includes('--debug');
  const options = {
    write: errors.write,
    draw,
    clock: systemClock,
    format: 'text',
    quiet: false,
    debug,
    runId,
    traceId,
  } as const;
  const found = asPotctlError(error, 'nothing');
  report(found, createDiagnostics(options), {
    json,
    width: errors.columns ?? 80,
    wrapAt: errors.columns,
    runId,
    traceId,
    now: systemClock.now(),
    here: NOWHERE,
  });
  return found.exitCode;
}

function isJsonAfter(flag: string | undefined, word: string): boolean {
  return (flag === '-o' || flag === '--output') && /^n?d?json$/.test(word);
}
