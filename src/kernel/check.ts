import type { Advice } from './next.js';

/** `unknown`: it could not be looked at, which is never ok. `skipped`: what it depends on failed, or it does not apply. */
export type CheckState = 'ok' | 'warn' | 'fail' | 'unknown' | 'skipped';

/** One thing that was looked at, by whatever command. */
export interface Check {
  readonly name: string;
  readonly state: CheckState;
  readonly detail: string;
  /** What helps; absent where nothing is to be done. */
  readonly next?: Advice;
}
