import type { Advice } from './next.js';

/** `unknown`: could not be checked, which never counts as ok. `skipped`: a prerequisite failed, or the check does not apply. */
export type CheckState = 'ok' | 'warn' | 'fail' | 'unknown' | 'skipped';

/** The result of one check, of any command. */
export interface Check {
  readonly name: string;
  readonly state: CheckState;
  readonly detail: string;
  /** What to do next; absent if nothing needs to be done. */
  readonly next?: Advice;
}
