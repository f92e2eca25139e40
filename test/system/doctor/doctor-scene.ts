import path from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { checkLine } from '../../../commands/top/doctor.js';
import type { ConnectionSettings } from '../../../src/config/libpq/settings.js';
import type { Settings } from '../../../src/config/settings.js';
import { systemClock } from '../../../src/kernel/clock.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import { openServer } from '../../../src/postgres/open.js';
import { adviceText } from '../../support/advice.js';
import { inMaintenance, quote, type TestDatabase } from '../../support/database.js';
import { testPotctl } from '../../support/host.js';
import { openedAt } from '../../support/old-backups.js';
import { testSettings } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';

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
  const environment = { PATH: scene.path ?? process.env['PATH'] ?? '' };
  const server = openServer(connection, {
    environment,
    runtimeDirectory: folder,
    signal: new AbortController().signal,
    toolDirectories: scene.toolDirectories ?? [inject('postgres').binaries],
  });
  onTestFinished(() => server.close());
  const { repositories = [{ name: 'local', path: path.join(folder, 'repository') }] } = scene.settings ?? {};
  const potctl = testPotctl({
    server,
    settings: { repositories, ...scene.settings },
    repository: async () => {
      const [place] = repositories;
      if (place?.path === undefined) throw new PotctlError('E_CONFIG', 'no directory');
      return openedAt(place.path);
    },
    host: {
      clock: { ...systemClock, now: () => new Date(Date.now() + (scene.clockOffMs ?? 0)) },
      childEnvironment: environment,
    },
  });
  const lines = (await (await potctl.doctor()).examine()).map((check) => checkLine(check, adviceText));
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
