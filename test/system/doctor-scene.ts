import path from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { checkLine } from '../../commands/top/doctor.js';
import type { ConnectionSettings } from '../../src/config/libpq/settings.js';
import type { Settings } from '../../src/config/settings.js';
import type { DoctorTools } from '../../src/doctor/check.js';
import { examine } from '../../src/doctor/examine.js';
import { readSetupProblem } from '../../src/journal/installed.js';
import { systemClock } from '../../src/kernel/clock.js';
import { PotctlError } from '../../src/kernel/errors.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { openServer } from '../../src/postgres/open.js';
import { openRepository } from '../../src/repository/open.js';
import { observeLeftovers } from '../../src/runs/leftovers.js';
import { inMaintenance, quote, type TestDatabase } from '../support/database.js';
import { testSettings } from '../support/server.js';
import { temporaryFolder } from '../support/tree.js';

interface Scene {
  readonly connection?: Partial<ConnectionSettings>;
  readonly settings?: Partial<Settings>;
  readonly toolDirectories?: readonly string[];
  readonly clockOffMs?: number;
  readonly path?: string;
}

type Line = ReturnType<typeof checkLine>;

/** Runs the doctor on real parts and gives its lines by name. */
export async function doctor(database: string, scene: Scene = {}): Promise<Record<string, Line>> {
  const folder = await temporaryFolder();
  const connection = testSettings(database, scene.connection);
  const settings: Settings = {
    profile: { name: null, environment: null, onCommandLine: false },
    connection,
    expect: { systemIdentifier: null },
    application: { name: 'auto', schema: null },
    files: null,
    references: null,
    repositories: [{ name: 'local', path: path.join(folder, 'repository') }],
    restore: { keepOldMs: 0, stopWriters: null, startWriters: null },
    retention: { rules: null, zone: 'UTC', guarded: false },
    mfa: { issuer: null, requiredForAdmin: false, codeForm: 'application', keys: {}, credentialsDirectory: null },
    guards: { protected: [], ticket: null },
    notify: { email: null },
    origins: [],
    ...scene.settings,
  };
  const environment = { PATH: scene.path ?? process.env['PATH'] ?? '' };
  const server = openServer(connection, {
    environment,
    runtimeDirectory: folder,
    signal: new AbortController().signal,
    toolDirectories: scene.toolDirectories ?? [inject('postgres').binaries],
  });
  onTestFinished(() => server.close());
  const tools: DoctorTools = {
    clock: { ...systemClock, now: () => new Date(Date.now() + (scene.clockOffMs ?? 0)) },
    childEnvironment: environment,
    settings: async () => settings,
    server: async () => server,
    leftovers: async () => observeLeftovers(await tools.repository(), server),
    repository: async () => {
      const [place] = settings.repositories;
      if (place?.path === undefined) throw new PotctlError('E_CONFIG', 'no directory');
      const host = await readHostIdentity(process.pid);
      return openRepository({ name: place.name, path: place.path }, { clock: systemClock, host, operator: 'ana@ops1' });
    },
  };
  const lines = (await examine(tools, readSetupProblem)).map(checkLine);
  return Object.fromEntries(lines.map((line) => [line.check, line]));
}

export const states = (results: Record<string, Line>): Record<string, string> =>
  Object.fromEntries(Object.values(results).map(({ check, state }) => [check, state]));

export async function plainRole(database: TestDatabase, options = ''): Promise<string> {
  const role = `plain_${database.name}`;
  await inMaintenance((client) => client.query(`create role ${quote(role)} login ${options}`));
  onTestFinished(async () => {
    await inMaintenance((client) => client.query(`drop role if exists ${quote(role)}`)).catch(() => undefined);
  });
  return role;
}
