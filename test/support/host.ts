import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { openOldBackups } from '../../src/backup/imported/open-old-folder.js';
import type { Settings } from '../../src/config/settings.js';
import { type Base, openBase } from '../../src/host/base.js';
import { completeHost, type HostOptions } from '../../src/host/host.js';
import { once } from '../../src/kernel/once.js';
import type { Server } from '../../src/postgres/server.js';
import { openOn, type Potctl } from '../../src/potctl.js';
import type { Repository } from '../../src/repository/repository.js';

/**
 * A quiet host: an environment with the run's cluster and nothing of this machine's own PG*, POTCTL_* or XDG_*, a state directory that goes
 * when the test ends, and the system's clock. Each has a run id of its own.
 *
 * @param options replace what they name; `environment` and `who` are added to
 */
export function testHost(options: Partial<HostOptions> = {}): HostOptions {
  const { environment, who, ...rest } = options;
  return {
    environment: { ...quietEnvironment(), ...environment },
    who: { operator: 'tester@here', hostname: 'here', ...who },
    ...rest,
  };
}

/** What the door opens with. What is absent is the real one, made from the host. */
export interface TestParts {
  readonly host?: Partial<HostOptions>;
  /** null: nobody answers. */
  readonly server?: Server | null;
  /** Whatever place is named. */
  readonly repository?: Repository | (() => Promise<Repository>);
  /** Over what the host's environment and flags say; the connection is the given server's. */
  readonly settings?: Partial<Settings>;
}

/** The base of every domain, with some parts replaced: by a server for another role, a repository that fails. Closed when the test ends. */
export function testBase({ host, server, repository, settings }: TestParts): Base {
  const real = openBase(completeHost(testHost(host)), openOldBackups);
  onTestFinished(real.close);
  const ofServer = server ? { connection: server.settings } : {};
  const opened = typeof repository === 'function' ? repository : async () => repository!;
  return {
    ...real,
    settings: once(async () => ({ ...(await real.settings()), ...ofServer, ...settings })),
    ...(server === undefined ? {} : { server: async () => server ?? Promise.reject(new Error('nobody answers')) }),
    ...(repository === undefined
      ? {}
      : { repository: opened, restorable: async () => ({ repository: await opened(), recordsIn: null }) }),
  };
}

/** The door, on these parts. */
export function testPotctl(parts: TestParts): Potctl {
  return openOn(testBase(parts));
}

/** As a command gets it; unit tests have no cluster. */
function quietEnvironment(): Record<string, string> {
  const cluster: ReturnType<typeof inject<'postgres'>> | undefined = inject('postgres');
  const state = mkdtempSync(path.join(os.tmpdir(), 'potctl-state-'));
  onTestFinished(() => rmSync(state, { recursive: true, force: true }));
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    XDG_STATE_HOME: state,
    ...(cluster && { PGHOST: cluster.host, PGPORT: String(cluster.port), PGUSER: cluster.user }),
    ...(cluster && { POTCTL_PG_BINDIR: cluster.binaries }),
  };
}
