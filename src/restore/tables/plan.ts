import type { Environment } from '../../config/settings.js';
import type { Advice } from '../../kernel/next.js';
import type { Accepted } from '../../runs/accept.js';
import type { Blocker } from '../plan/assess.js';
import type { PlannedBackup, PlannedDatabase } from '../plan/plan.js';
import type { LeftOut } from './select.js';

/** One table that comes back. `rows` null: the backup has no exact count. */
export interface PlannedTable {
  readonly schema: string;
  readonly table: string;
  readonly partitions: number;
  readonly rows: number | null;
  readonly bytes: number;
}

/** Something outside of the tables that they need, by its kind and name in the backup. `present` null: only the restore itself can tell. */
export interface PlannedNeed {
  readonly kind: string;
  readonly name: string;
  readonly present: boolean | null;
}

/** What a restore of single tables will do, and what stands in its way. Sizes in bytes. */
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
  /** In the scratch database and beside the live tables. */
  readonly neededBytes: number;
  readonly blocking: readonly Blocker[];
  readonly warnings: readonly Advice[];
  /** What would block it, and was accepted by name. */
  readonly accepted: readonly Accepted[];
  readonly confirm: string;
}
