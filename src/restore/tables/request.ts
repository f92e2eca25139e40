import type { Settings } from '../../config/settings.js';
import { PotctlError } from '../../kernel/errors.js';
import type { RestoreRequest } from '../deps.js';
import { type RestoreOptions, type Runner, restoreRequest } from '../requests.js';
import { checkSchemaName, parseTableNames, type TableName } from './names.js';

/** Which tables to restore, and into which schema. */
export interface TablesRequest extends RestoreRequest {
  readonly tables: readonly TableName[];
  readonly intoSchema: string;
}

/** The options of a restore of single tables; they exclude all options about where a whole backup is restored. */
export type TablesOptions = RestoreOptions & {
  /** Names as PostgreSQL writes them; one text may hold several, with commas. */
  readonly tables?: readonly string[];
  readonly intoSchema?: string | undefined;
};

/** Whether single tables are requested. @throws E_USAGE if only one of the two flags is given */
export function asksForTables({ tables = [], intoSchema }: Pick<TablesOptions, 'tables' | 'intoSchema'>): boolean {
  if (tables.length === 0 && intoSchema !== undefined) {
    throw new PotctlError('E_USAGE', "'--into-schema' requires '--tables': which tables should be restored?");
  }
  if (tables.length > 0 && intoSchema === undefined) {
    throw new PotctlError('E_USAGE', "'--tables' requires the schema to restore into: '--into-schema NAME'", {
      why: 'single live tables are never replaced',
    });
  }
  return tables.length > 0;
}

/** Builds the request from settings and options. Pure. @throws E_USAGE */
export function tablesRequest(settings: Settings, options: TablesOptions, runner: Runner): TablesRequest {
  refuseContradictions(options);
  const whole = restoreRequest(settings, { ...options, only: 'db', mode: 'swap' }, runner);
  const tables = parseTableNames(options.tables ?? []);
  return { ...whole, stopWriters: null, tables, intoSchema: checkSchemaName(options.intoSchema!) };
}

function refuseContradictions(options: TablesOptions): void {
  const { mode, into, intoFiles, only, stopWriters } = options;
  const { safetyBackup = false, createRoles = false, continuePastErrors = false } = options;
  const given: [string, boolean][] = [
    ['--mode', mode !== undefined],
    ['--into', into !== undefined],
    ['--into-files', intoFiles !== undefined],
    ['--only', only !== undefined],
    ['--safety-backup', safetyBackup],
    ['--stop-writers', stopWriters !== undefined],
    ['--create-roles', createRoles],
    ['--continue-past-errors', continuePastErrors],
  ];
  const clash = given.find(([, isGiven]) => isGiven)?.[0];
  if (clash === undefined) return;
  throw new PotctlError('E_USAGE', `'--tables' and '${clash}' cannot be combined`, {
    why: 'single tables are restored into a separate schema next to the live tables: nothing is swapped or stopped',
  });
}
