import type { Settings } from '../config/settings.js';
import type { DumpReader } from '../dump/dump-reader.js';
import { PotctlError } from '../kernel/errors.js';
import { once, onceEach } from '../kernel/once.js';
import type { Server } from '../postgres/server.js';
import type { Repository } from '../repository/repository.js';
import type { Host, Who } from './host.js';
import { newRunId } from './identity.js';

/** What every domain's wiring starts from. What costs is a function: it is done when it is first asked for, and once. */
export interface Base {
  readonly host: Host;
  /** Flags > POTCTL_* > profile > defaults. @throws E_CONFIG, E_PROFILE_NOT_FOUND */
  settings(): Promise<Settings>;
  /** Not yet connected. */
  server(): Promise<Server>;
  /**
   * The repository that was named, else the first of the profile; or a folder of the old scripts' backups, read where it lies.
   *
   * @param oldFolder the folder of the old scripts, as typed
   * @throws E_CONFIG when none is configured
   */
  repository(oldFolder?: string): Promise<Repository>;
  /** As {@link Base.repository}, for a restore: `recordsIn` says where its records go; null = into the repository. */
  restorable(oldFolder?: string): Promise<{ readonly repository: Repository; readonly recordsIn: string | null }>;
  /** The newest pg_restore of this machine, for dumps that lie in a repository; null where none is installed. */
  dumpReader(): Promise<DumpReader | null>;
  /** Who makes the next change: the first has the host's run id, each further one an id of its own. */
  nextRun(): Who;
  /** Who would make the next change, for a plan that nobody carries out: it takes no id away from a change. */
  plannedRun(): Who;
  /** The settings, if anybody has asked for them. */
  known(): Settings | undefined;
  /** Closes what was opened, the newest first; never rejects. */
  close(): Promise<void>;
}

/** Opens a folder of the old scripts' backups. @param records where what must be remembered goes */
export type OpenOldFolder = (
  base: Pick<Base, 'host' | 'settings' | 'dumpReader'>,
  typed: string,
  place: {
    readonly records: () => Promise<Repository>;
    readonly at: (name: string, folder: string) => Promise<Repository>;
  },
) => Promise<Repository>;

/** Opens what was asked for when it is asked for. Nothing is read or connected yet. */
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
      // Its records go to the repository that is configured, or to one of this user's own.
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

/** What backups are found by: profile, database and files of the settings. */
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
    throw new PotctlError('E_CONFIG', 'no repository is configured: potctl does not know where backups rest', {
      fix: ['Give it with `--repository DIR`, or as `repositories` in the profile.'],
    });
  }
  if (place.path === undefined) {
    throw new PotctlError('E_CONFIG', `the repository '${place.name}' is a bucket, which potctl cannot use yet`, {
      fix: ['Give a directory with `--repository DIR`.'],
    });
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
    onTakeover: (holder) => listener.note(`The lock of a dead run was removed${holder ? ` (${holder.command})` : ''}.`),
    onStuck: (stuck) =>
      listener.warn(
        `Left over from an older run, and cannot be removed: '${stuck}'. Look who may write there, and for mount points in it.`,
      ),
    onMended: (id, damage) =>
      listener.warn(`The history of the backup '${id}' was damaged and is whole again: ${damage}. Check the disk.`),
    onWait: (holder) => listener.note(`Waiting for the lock${holder ? `: ${holder.command} holds it` : ''}.`),
  });
}
