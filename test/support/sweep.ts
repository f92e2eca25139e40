import { inject } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** `npm run test:sweep`, which takes every case of every matrix. */
    sweep: boolean;
  }
}

/** Is this `npm run test:sweep`? */
export const inSweep = inject('sweep');

/** All cases of a matrix in `npm run test:sweep`; in `npm test` those that `chosen` takes: at least one of each kind. */
export function casesOfThisRun<Case>(
  all: readonly Case[],
  chosen: (one: Case, at: number) => boolean,
): readonly Case[] {
  return inSweep ? all : all.filter(chosen);
}
