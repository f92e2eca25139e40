import type { Environment } from '../../config/settings.js';
import type { Advice } from '../../kernel/next.js';
import type { Accepted } from '../../runs/accept.js';
import type { Blocker } from '../plan/assess.js';
import type { PlannedBackup, PlannedDatabase } from '../plan/plan.js';
import type { LeftOut } from './select.js';

/** One table to restore. `rows` null: the backup has no exact count. */
export interface PlannedTable {
  readonly schema: string;
  readonly table: string;
  readonly partitions: number;
  readonly rows: number | null;
  readonly bytes: number;
}

/** Something that the tables depend on, by kind and name in the backup. `present` null: known only during the restore. */
export interface PlannedNeed {
  readonly kind: string;
  readonly name: string;
  readonly present: boolean | null;
}

/** What a restore of single tables will do, and its blockers. Sizes in bytes. */
export interface TablesPlan {
  readonly runId: string;
  readonly mode: 'tables';
  readonly profile: string | null;
  readonly environment: Environment | null;
  readonly set: string;
  readonly backup: PlannedBackup;
  readonly database: Pick<
    PlannedDatabase,
    'host' | 'port' | 'user' | 'systemIdentifier' | 'serverVersion' | 'name' | 'freeBytes'
  > & {
    readonly oid: number;
    /** The scratch database. */
    readonly stagedAs: string;
  };
  readonly schema: string;
  readonly schemaExists: boolean;
  readonly tables: readonly PlannedTable[];
  readonly needs: readonly PlannedNeed[];
  readonly leftOut: readonly LeftOut[];
  /** In the scratch database and in the live database, together. */
  readonly neededBytes: number;
  readonly blocking: readonly Blocker[];
  readonly warnings: readonly Advice[];
  /** Blockers that were accepted by name. */
  readonly accepted: readonly Accepted[];
  readonly confirm: string;
}
