import type { ChangeNote } from '../../../src/kernel/changes.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { Advice } from '../../../src/kernel/next.js';
import { NOWHERE, spelled } from './next.js';

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** What signal handling uses of the process. */
export interface SignalHost {
  on(event: Signal, listener: (signal: Signal) => void): unknown;
  off(event: Signal, listener: (signal: Signal) => void): unknown;
  exit(code: number): void;
}

/** Ctrl-C, SIGTERM and --timeout as one AbortSignal. */
export interface Interrupts {
  /** Aborted with the PotctlError that says why: E_INTERRUPTED, E_TERMINATED or E_TIMEOUT. */
  readonly signal: AbortSignal;
  /** Aborted at once by the first signal, even during uninterrupted work. For steps that only wait for a person. */
  readonly pressed: AbortSignal;
  uninterrupted<T>(work: () => Promise<T>): Promise<T>;
  /** Aborts for another reason, e.g. a crash. */
  abort(reason: PotctlError): void;
  close(): void;
}

const SIGNALS: readonly Signal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Handles signals and the timeout. The first signal stops safely, after `uninterrupted` work if any is running. The second one ends the
 * process at once, so that nothing can hang forever.
 *
 * @param say writes a line on stderr
 * @param changed what was changed so far
 * @param spell writes what to do then
 */
export function watchInterrupts(
  host: SignalHost,
  timeoutMs: number | undefined,
  say: (line: string) => void,
  changed: () => ChangeNote | null = () => null,
  spell: (given: Advice) => string = (given) => spelled(given, NOWHERE),
): Interrupts {
  const controller = new AbortController();
  const atOnce = new AbortController();
  let pressed: Signal | undefined;
  let held = 0;
  let waiting: PotctlError | undefined;

  const abort = (reason: PotctlError): void => {
    atOnce.abort(reason);
    if (held > 0) waiting ??= reason;
    else controller.abort(reason);
  };
  const onSignal = (signal: Signal): void => {
    if (pressed !== undefined) {
      say(`Stopped immediately. ${endedSentence(changed(), spell)}`);
      host.exit(exitOf(pressed));
      return;
    }
    pressed = signal;
    say(
      held > 0
        ? 'This step cannot be interrupted; potctl stops right after it.'
        : 'Stopping safely. Press Ctrl-C again to stop immediately.',
    );
    abort(reasonOf(signal));
  };
  const uninterrupted = async <T>(work: () => Promise<T>): Promise<T> => {
    held += 1;
    try {
      return await work();
    } finally {
      held -= 1;
      if (held === 0 && waiting !== undefined) controller.abort(waiting);
    }
  };
  for (const signal of SIGNALS) host.on(signal, onSignal);
  const timer = startTimer(timeoutMs, () =>
    abort(new PotctlError('E_TIMEOUT', 'the time limit set with --timeout was reached')),
  );
  const close = (): void => {
    clearTimeout(timer);
    for (const signal of SIGNALS) host.off(signal, onSignal);
  };
  return { signal: controller.signal, pressed: atOnce.signal, uninterrupted, abort, close };
}

function endedSentence(note: ChangeNote | null, spell: (given: Advice) => string): string {
  const unfinished = 'Unfinished work is not listed; the next create, restore or undo cleans it up.';
  if (note === null) return unfinished;
  const done = `Changed: ${note.detail ?? 'the work is complete'}.`;
  return [done, ...(note.fix ?? []).map((one) => `Do: ${spell(one)}`), unfinished].join(' ');
}

function startTimer(timeoutMs: number | undefined, work: () => void): NodeJS.Timeout | undefined {
  return timeoutMs === undefined ? undefined : setTimeout(work, Math.min(timeoutMs, LONGEST_TIMER_MS)).unref();
}

function reasonOf(signal: Signal): PotctlError {
  return signal === 'SIGINT'
    ? new PotctlError('E_INTERRUPTED', 'interrupted')
    : new PotctlError('E_TERMINATED', `terminated by ${signal}`);
}

function exitOf(signal: Signal): number {
  return signal === 'SIGINT' ? 130 : 143;
}

/**
 * Returns the error that an interrupted command reports: the interruption, with what the failed step says about the state it left.
 *
 * @param changed what may have been changed if the failed step does not say
 */
export function interruptedError(error: unknown, signal: AbortSignal, changed: 'nothing' | 'unknown'): unknown {
  const reason: unknown = signal.aborted ? signal.reason : undefined;
  if (!(reason instanceof PotctlError)) return error;
  if (error === reason || !(error instanceof PotctlError)) return reason.with({ changed });
  if (error.code === reason.code) return error;
  const { changedDetail } = error;
  return new PotctlError(reason.code, reason.message, {
    why: error.message,
    changed: error.changed,
    ...(changedDetail === undefined ? {} : { changedDetail }),
    cause: error,
  });
}
