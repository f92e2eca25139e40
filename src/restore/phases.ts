import type { Clock } from '../kernel/clock.js';
import type { Progress } from '../kernel/progress.js';

export type Facts = Readonly<Record<string, string | number>>;

/** Measures the phases of a run and reports them. */
export interface Phases {
  readonly taken: readonly { readonly name: string; readonly ms: number }[];
  /** `factsOf` returns what the phase achieved. */
  run<T>(name: string, work: () => Promise<T>, factsOf?: (result: T) => Facts): Promise<T>;
}

/** A phase that fails is measured, too, but not reported as done. */
export function openPhases({ clock, progress }: { readonly clock: Clock; readonly progress: Progress }): Phases {
  const taken: { name: string; ms: number }[] = [];
  return {
    taken,
    async run(name, work, factsOf) {
      const started = clock.monotonicMs();
      progress({ kind: 'phase', name });
      try {
        const result = await work();
        progress({ kind: 'done', name, facts: factsOf?.(result) ?? {} });
        return result;
      } finally {
        taken.push({ name, ms: Math.round(clock.monotonicMs() - started) });
      }
    },
  };
}
