import { MUTANTS as config } from './config.js';
import { MUTANTS as create } from './create.js';
import { MUTANTS as imports } from './import.js';
import { MUTANTS as journal } from './journal.js';
import { MUTANTS as mfa } from './mfa.js';
import type { Mutant } from './mutant.js';
import { MUTANTS as prune } from './prune.js';
import { MUTANTS as publish } from './publish.js';
import { MUTANTS as restore } from './restore.js';
import { MUTANTS as verify } from './verify.js';

/** The mutants of each area; a new list is one line here. */
export const AREAS: Readonly<Record<string, readonly Mutant[]>> = {
  create,
  verify,
  restore,
  import: imports,
  prune,
  publish,
  mfa,
  journal,
  config,
};
