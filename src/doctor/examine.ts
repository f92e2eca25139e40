import type { Check } from '../kernel/check.js';
import { type Connected, type DoctorTools, failed, notChecked, unknown } from './check.js';
import { clockCheck } from './clock.js';
import { configurationChecks, passwordCheck } from './configuration.js';
import { connectionChecks, expectedServer, toolsCheck, unreachable } from './connection.js';
import { measureFiles } from './files.js';
import { functionsCheck } from './functions.js';
import { lockRoom } from './locks.js';
import { programChecks } from './programs.js';
import { repositoryChecks } from './repository.js';
import { restoresCheck } from './restores.js';
import { backupRights, restoreRights } from './rights.js';
import { type SetupChecks, schemaCheck } from './schema.js';

/**
 * Checks everything that a backup and a restore will need. Changes nothing except for one probe file in the repository, which it removes.
 * What cannot be checked is `unknown`; it does not throw.
 *
 * @param setup how potctl's own schema is checked
 * @returns one line per check, causes before consequences
 */
export async function examine(tools: DoctorTools, setup: SetupChecks): Promise<Check[]> {
  let settings: Awaited<ReturnType<DoctorTools['settings']>>;
  try {
    settings = await tools.settings();
  } catch (error) {
    const rest = ['password', 'connection', 'tools', 'repository', 'files'];
    return [failed('configuration', error), ...rest.map((name) => unknown(name, 'not checked: see configuration'))];
  }
  const database = await databaseChecks(tools, settings, setup);
  const files = await measureFiles(settings.files, () => tools.clock.monotonicMs());
  return [
    ...configurationChecks(settings),
    passwordCheck(settings.connection, database.connected),
    ...database.results,
    ...(await repositoryChecks(tools, settings, database.bytes, files.bytes)),
    settings.repositories.length === 0
      ? unknown('restores', 'not checked: no repository is configured')
      : await restoresCheck(tools).catch((error: unknown) => notChecked('restores', error)),
    files.result,
    ...(await programChecks(tools.childEnvironment, settings.files !== null)),
  ];
}

interface DatabaseResults {
  readonly results: readonly Check[];
  readonly connected: boolean;
  /** Size of the database; null = unknown. */
  readonly bytes: number | null;
}

const NEEDS_CONNECTION = [
  'expected server',
  'tools',
  'backup rights',
  'restore rights',
  'locks',
  'functions',
  'schema potctl',
  'clock',
];

async function databaseChecks(
  tools: DoctorTools,
  settings: Connected['settings'],
  setup: SetupChecks,
): Promise<DatabaseResults> {
  let connected: Connected;
  try {
    const server = await tools.server();
    connected = { server, session: await server.session({ purpose: 'doctor' }), settings };
  } catch (error) {
    const rest = NEEDS_CONNECTION.map((name) => unknown(name, 'not checked: no connection'));
    return { results: [unreachable(error, settings), ...rest], connected: false, bytes: null };
  }
  try {
    const checks = [
      ['connection', connectionChecks],
      ['expected server', expectedServer],
      ['tools', toolsCheck],
      ['backup rights', backupRights],
      ['restore rights', restoreRights],
      ['locks', lockRoom],
      ['functions', functionsCheck],
      ['schema potctl', (given: Connected) => schemaCheck(given, setup)],
      ['clock', (given: Connected) => clockCheck(given, tools.clock)],
    ] as const;
    const results: Check[] = [];
    for (const [name, check] of checks)
      results.push(await check(connected).catch((error: unknown) => notChecked(name, error)));
    return { results, connected: true, bytes: await sizeOf(connected).catch(() => null) };
  } finally {
    await connected.session.close().catch(() => undefined);
  }
}

async function sizeOf({ session }: Connected): Promise<number> {
  const [row] = await session.query<{ size: string }>('select pg_catalog.pg_database_size(current_database()) as size');
  return Number(row?.size);
}
