import type { Settings } from '../config/settings.js';
import type { DumpReader } from '../dump/dump-reader.js';
import { PotctlError } from '../kernel/errors.js';
import { once, onceEach } from '../kernel/once.js';
import type { Server } from '../postgres/server.js';
import type { Repository } from '../repository/repository.js';
import type { Host, Who } from './host.js';
import { newRunId } from './identity.js';

/** What every domain's wiring starts from. Whatever is expensive is a function: it runs on its first call, and only once. */
export interface Base {
  readonly host: Host;
  /** Flags > POTCTL_* > profile > defaults. @throws E_CONFIG, E_PROFILE_NOT_FOUND */
  settings(): Promise<Settings>;
  /** The server; not connected yet. */
  server(): Promise<Server>;
  /**
   * The repository that was named, or the first one of the profile; or a folder of backups of the old scripts, read in place.
   *
   * @param oldFolder the folder of the old scripts, as typed
   * @throws E_CONFIG if none is configured
   */
  repository(oldFolder?: string): Promise<Repository>;
  /** Like {@link Base.repository}, for a restore: `recordsIn` says where its records are stored; null = in the repository. */
  restorable(oldFolder?: string): Promise<{ readonly repository: Repository; readonly recordsIn: string | null }>;
  /** The newest pg_restore on this machine, for dumps stored in a repository; null if none is installed. */
  dumpReader(): Promise<DumpReader | null>;
  /** The identity for the next change: the first one gets the host's run id, each later one an id of its own. */
  nextRun(): Who;
  /** The identity that the next change would get, for a plan that may never be applied: it uses up no id. */
  plannedRun(): Who;
  /** The settings, if they have been loaded. */
  known(): Settings | undefined;
  /** Closes everything that was opened, newest first; never rejects. */
  close(): Promise<void>;
}

/** Opens a folder of backups of the old scripts. @param records where its records are stored */
export type OpenOldFolder = (
  base: Pick<Base, 'host' | 'settings' | 'dumpReader'>,
  typed: string,
  place: {
    readonly records: () => Promise<Repository>;
    readonly at: (name: string, folder: string) => Promise<Repository>;
  },
) => Promise<Repository>;

/** Creates the base. Everything is opened on first use; nothing is read or connected yet. */
export function openBase(host: Host, openOldFolder: OpenOldFolder): Base {
  const closers: (() => Promise<void>)[] = [];
  let runs = 0;
  let known: Settings | undefined;
  const settings = once(async () => {
    const { loadSettings } = await import('../config/load.js');
    known = await loadSettings(host.settings);
    for (const warning of known.warnings ?? []) host.listener.warn(warning);
    host.listener.settled(known);
    return known;
  });
  const server = once(async () => {
    const opened = await connect(await settings(), host);
    closers.push(() => opened.close());
    return opened;
  });
  const dumpReader = once(async () => {
    const { openDumpReader } = await import('../dump/dump-reader.js');
    return openDumpReader({ environment: host.childEnvironment, signal: host.signal });
  });
  const configured = once(async () => openPlace(host, firstPlace(await settings())));
  const at = (name: string, path: string): Promise<Repository> => openPlace(host, { name, path });
  const apart = { host: host.settings, at };
  const recorded = once(async () => (await import('./records.js')).withRecords(await configured(), apart));
  const forRestore = once(async () => (await import('./records.js')).forRestore(await recorded(), apart));
  const old = (typed: string, records: () => Promise<Repository>): Promise<Repository> =>
    openOldFolder({ host, settings, dumpReader }, typed, { records, at });
  const upcoming = (): Who => (runs === 0 ? host.who : { ...host.who, runId: newRunId(host.clock.now()) });
  return {
    host,
    settings,
    server,
    dumpReader,
    repository: onceEach(async (typed?: string) => (typed === undefined ? recorded() : old(typed, recorded))),
    restorable: onceEach(async (typed?: string) => {
      if (typed === undefined) return forRestore();
      // Its records are stored in the configured repository, or in one of this user's own.
      const recordsIn = (await settings()).repositories.length > 0 ? (await forRestore()).recordsIn : null;
      return { repository: await old(typed, async () => (await forRestore()).repository), recordsIn };
    }),
    nextRun() {
      const who = upcoming();
      runs += 1;
      return who;
    },
    plannedRun: upcoming,
    known: () => known,
    async close() {
      for (const close of closers.splice(0).reverse()) {
        await close().catch((error: unknown) => host.listener.debug(`closing: ${String(error)}`));
      }
    },
  };
}

/** What backups are looked up by: profile, database and files of the settings. */
export function targetOf({ profile, connection, files }: Settings): {
  readonly profile: string | null;
  readonly database: string;
  readonly filesPath: string | null;
} {
  return { profile: profile.name, database: connection.database, filesPath: files?.path ?? null };
}

async function connect(settings: Settings, { childEnvironment, settings: from, signal, listener }: Host) {
  const { openServer } = await import('../postgres/open.js');
  const { runtimeDirectory } = await import('./runtime-directory.js');
  const server = openServer(settings.connection, {
    environment: childEnvironment,
    runtimeDirectory: await runtimeDirectory(from.environment),
    signal,
    onDebug: listener.debug,
  });
  let isAnnounced = false;
  const announced = <T>(session: T): T => {
    if (!isAnnounced) listener.connected(settings);
    isAnnounced = true;
    return session;
  };
  return {
    ...server,
    session: async (options) => announced(await server.session(options)),
    maintenanceSession: async (purpose) => announced(await server.maintenanceSession(purpose)),
  } satisfies Server;
}

function firstPlace({ repositories: [place] }: Settings): { readonly name: string; readonly path: string } {
  if (place === undefined) {
    throw new PotctlError('E_CONFIG', 'no repository is configured', {
      fix: ['Pass `--repository DIR`, or set `repositories` in the profile.'],
    });
  }
  if (place.path === undefined) {
    throw new PotctlError(
      'E_CONFIG',
      `the repository '${place.name}' is an S3 bucket, which potctl does not support yet`,
      {
        fix: ['Use a directory: `--repository DIR`.'],
      },
    );
  }
  return { name: place.name, path: place.path };
}

async function openPlace(
  { clock, pid, who, listener }: Host,
  place: { readonly name: string; readonly path: string },
): Promise<Repository> {
  const { openRepository } = await import('../repository/open.js');
  const { readHostIdentity } = await import('../kernel/host-identity.js');
  return openRepository(place, {
    clock,
    host: await readHostIdentity(pid),
    operator: who.operator,
    onTakeover: (holder) =>
      listener.note(`Removed the stale lock of a run that has ended${holder ? ` (${holder.command})` : ''}.`),
    onStuck: (stuck) =>
      listener.warn(
        `Cannot remove '${stuck}', left over from an earlier run. Check who may write there, and whether it contains mount points.`,
      ),
    onMended: (id, damage) =>
      listener.warn(`Repaired the damaged history of backup '${id}': ${damage}. Check the disk.`),
    onWait: (holder) => listener.note(`Waiting for the lock${holder ? ` held by ${holder.command}` : ''}.`),
  });
}
