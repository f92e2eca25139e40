import type { Advice } from './next.js';

/** What a long operation reports. Facts only: no wording, no colors. The wording lives in commands/ui/progress.ts. */
export type ProgressEvent =
  /** A phase begins, e.g. `database`, `files`, `checks`; it ends with `done` or with the next phase. */
  | { readonly kind: 'phase'; readonly name: string }
  /** `total` is an estimate and may be missing or too small. */
  | { readonly kind: 'bytes'; readonly done: number; readonly total?: number }
  /** The phase succeeded; facts in print order. Names ending in `bytes` are sizes, in `_ms` durations, other numbers counts. */
  | { readonly kind: 'done'; readonly name: string; readonly facts: Readonly<Record<string, string | number>> }
  /** Something the operator should read even if everything succeeds. */
  | { readonly kind: 'warning'; readonly text: Advice };

/** Called synchronously and often; must be cheap and must not throw. Results never depend on it. */
export type Progress = (event: ProgressEvent) => void;

export const silent: Progress = () => {};
