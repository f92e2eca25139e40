import type { Environment } from '../../config/settings.js';
import type { Advice, NextCommand } from '../../kernel/next.js';
import type { Accepted } from '../../runs/accept.js';
import type { Blocker } from './assess.js';
import type { ObservedLoss } from './observe-loss.js';
import type { ReplacedJournal } from './replaced-journal.js';

/** What a restore will do and cost, and its blockers. Sizes in bytes, times RFC 3339 UTC. */
export interface RestorePlan {
  readonly runId: string;
  readonly mode: 'swap' | 'new';
  readonly profile: string | null;
  readonly environment: Environment | null;
  /** The backup series of this target. */
  readonly set: string;
  readonly backup: PlannedBackup;
  readonly database: PlannedDatabase | null;
  readonly files: PlannedFiles | null;
  /** How long earlier runs of the series took, scaled to this backup; null = there were none. */
  readonly estimateMs: number | null;
  /** Shell commands that stop and start the writers; null = none. */
  readonly hooks: { readonly stop: string | null; readonly start: string | null };
  /** The command that undoes it; null in mode `new`, which replaces nothing. */
  readonly undo: NextCommand | null;
  readonly undoPossibleMs: number;
  readonly blocking: readonly Blocker[];
  readonly warnings: readonly Advice[];
  /** Blockers that were accepted by name. */
  readonly accepted: readonly Accepted[];
  /** The value that --confirm requires. */
  readonly confirm: string;
}

export interface PlannedBackup {
  readonly id: string;
  readonly takenAt: string;
  readonly set: string;
  readonly status: string;
  readonly storedBytes: number;
  readonly verified: { readonly level: string; readonly at: string } | null;
}

export interface PlannedDatabase {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly systemIdentifier: string | null;
  readonly serverVersion: string;
  /** The name that the restored database will have. */
  readonly name: string;
  /** Its name until it is verified. */
  readonly stagedAs: string;
  /** The database that has the name now; null = it is missing and will be created. */
  readonly present: { readonly oid: number; readonly bytes: number | null; readonly keptAs: string } | null;
  readonly tables: number;
  readonly rows: number | null;
  readonly neededBytes: number;
  readonly freeBytes: number | null;
  readonly createdRoles: readonly string[];
  /** null if nothing is replaced. */
  readonly loss: ObservedLoss | null;
  /** null if it stays the same, or there is none. */
  readonly journal: ReplacedJournal | null;
}

export interface PlannedFiles {
  /** Where the files will be. */
  readonly root: string;
  /** Mode `new`: where they are until they are verified. null = inside the root. */
  readonly stagedAt: string | null;
  /** Current entries at its top; null = the tree is missing and will be created. */
  readonly present: { readonly entries: number } | null;
  readonly files: number;
  readonly neededBytes: number;
  readonly freeBytes: number | null;
}
