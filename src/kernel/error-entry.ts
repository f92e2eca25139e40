import type { ExitCode } from './exit-code.js';
import type { Advice } from './next.js';

/** What the catalogue knows of one cause. */
export interface CatalogEntry {
  readonly exit: ExitCode;
  /** What it means, one or two sentences. */
  readonly means: string;
  /** What to do, in order. */
  readonly remedy: readonly Advice[];
  /** May the same command succeed later without a change? */
  readonly retryable?: true;
}

/** A cause that stays until somebody mends it. */
export const entry = (exit: ExitCode, means: string, ...remedy: Advice[]): CatalogEntry => ({ exit, means, remedy });
/** A cause that may be gone by itself: the same command may succeed later. */
export const passing = (exit: ExitCode, means: string, ...remedy: Advice[]): CatalogEntry => ({
  exit,
  means,
  remedy,
  retryable: true,
});
