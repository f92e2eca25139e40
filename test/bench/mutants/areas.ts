import type { Mutant } from './mutant.js';
import { MUTANTS as restore } from './restore.js';

/** The mutants of each area; a new list is one line here. */
export const AREAS: Readonly<Record<string, readonly Mutant[]>> = { restore };
