import type { Settings } from '../../config/settings.js';
import { PotctlError } from '../../kernel/errors.js';
import type { RestoreRequest } from '../deps.js';
import { type RestoreOptions, type Runner, restoreRequest } from '../requests.js';
import { checkSchemaName, parseTableNames, type TableName } from './names.js';

/** Which tables come back, and into which schema. */
export interface TablesRequest extends RestoreRequest {
  readonly tables: readonly TableName[];
  readonly intoSchema: string;
}

/** What a person may say about it; it excludes everything that says where a whole backup goes. */
export type TablesOptions = RestoreOptions & {
  /** Names as PostgreSQL writes them; one text may hold several, with commas. */
  readonly tables?: readonly string[];
  readonly intoSchema?: string | undefined;
};

/** Were single tables asked for? @throws E_USAGE where one of the two flags is missing */
export function asksForTables({ tables = [], intoSchema }: Pick<TablesOptions, 'tables' | 'intoSchema'>): boolean {
  if (tables.length === 0 && intoSchema !== undefined) {
    throw new PotctlError('E_USAGE', "'--into-schema' belongs to '--tables': which tables shall come back?");
  }
  if (tables.length > 0 && intoSchema === undefined) {
    throw new PotctlError('E_USAGE', "'--tables' wants the schema that they come into: '--into-schema NAME'", {
      why: 'the live tables are never replaced one by one',
    });
  }
  return tables.length > 0;
}

/** Makes the request from settings and options. Pure. @throws E_USAGE */
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
  throw new PotctlError('E_USAGE', `'--tables' and '${clash}' exclude each other`, {
    why: 'single tables come beside the live ones, into a schema of their own: nothing is swapped or stopped for them',
  });
}
