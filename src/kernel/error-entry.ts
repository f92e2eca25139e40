import type { ExitCode } from './exit-code.js';
import type { Advice } from './next.js';

/** What the catalog holds about one error code. */
export interface CatalogEntry {
  readonly exit: ExitCode;
  /** What it means, one or two sentences. */
  readonly means: string;
  /** What to do, in order. */
  readonly remedy: readonly Advice[];
  /** Whether the same command may succeed later without any change. */
  readonly retryable?: true;
}

/** An error that stays until somebody fixes its cause. */
export const entry = (exit: ExitCode, means: string, ...remedy: Advice[]): CatalogEntry => ({ exit, means, remedy });
/** An error that may go away by itself: the same command may succeed later. */
export const passing = (exit: ExitCode, means: string, ...remedy: Advice[]): CatalogEntry => ({
  exit,
  means,
  remedy,
  retryable: true,
});
