import { appendEntry } from '../journal/entry.js';
import { readGuard, readSchemaVersion, readSetupProblem } from '../journal/installed.js';
import type { JournalPort } from './deps.js';

/** The journal in potctl's schema. */
export const JOURNAL: JournalPort = {
  version: readSchemaVersion,
  append: appendEntry,
  problem: readSetupProblem,
  guard: readGuard,
};
