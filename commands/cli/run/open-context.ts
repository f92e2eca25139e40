import { availableParallelism, hostname } from 'node:os';
import type { SettingsRequest } from '../../../src/config/request.js';
import type { Settings } from '../../../src/config/settings.js';
import type { Changes } from '../../../src/kernel/changes.js';
import { systemClock } from '../../../src/kernel/clock.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { Server } from '../../../src/postgres/server.js';
import type { Repository } from '../../../src/repository/repository.js';
import type { Context } from '../../context.js';
import type { Diagnostics } from '../../ui/diagnostics.js';
import type { ProgressDisplay } from '../../ui/progress.js';
import type { Prompter } from '../../ui/prompts.js';
import type { Terminal } from '../../ui/terminal.js';
import type { View } from '../../ui/view.js';
import type { Invocation } from '../parse/invocation.js';
import { toolVersion } from '../version.js';
import { contextLines } from './context-line.js';
import { homeOf, operatorName, userName } from './identity.js';
import { runtimeDirectory } from './runtime-directory.js';
import type { Interrupts } from './signals.js';
import { screenSize } from './streams.js';

/** What a context is made of. */
export interface ContextRequest {
  readonly invocation: Invocation;
  readonly host: Pick<NodeJS.Process, 'env' | 'cwd' | 'pid' | 'stdin' | 'stderr'>;
  readonly runId: string;
  readonly traceId: string;
  readonly interrupts: Interrupts;
  readonly changes: Changes;
  readonly diagnostics: Diagnostics;
  readonly progress: ProgressDisplay;
  readonly live: View;
  readonly prompter: Prompter | null;
  readonly terminal: Terminal | null;
  readonly whyNot: string;
}

/** A context, and what main does with it. */
export interface OpenContext extends Context {
  /** The settings, if the command asked for them. */
  known(): Settings | undefined;
  /** Closes what was opened, the newest first; never rejects. */
  close(): Promise<void>;
}

/** What children may know of the environment: nothing of PG*, nothing secret. */
const FOR_CHILDREN = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
  'LD_LIBRARY_PATH',
  'KRB5CCNAME',
  'POTCTL_PG_BINDIR',
];

/** The composition root: the only place that picks implementations and loads them, each when it is first asked for. */
export function openContext(request: ContextRequest): OpenContext {
  const { invocation, runId, traceId, interrupts, progress } = request;
  const { globals, change } = invocation;
  const closers: (() => Promise<void>)[] = [];
  let known: Settings | undefined;
  const settings = once(async () => {
    const { loadSettings } = await import('../../../src/config/load.js');
    known = await loadSettings(settingsRequest(request));
    for (const warning of known.warnings ?? []) request.diagnostics.warn(warning);
    if (globals.verbose) sayOrigins(known, request.diagnostics);
    return known;
  });
  const server = once(async () => {
    const opened = await connect(await settings(), request);
    closers.push(() => opened.close());
    return opened;
  });
  const repositoryAt = (name: string, place: string): Promise<Repository> => openPlace({ name, path: place }, request);
  return {
    clock: systemClock,
    signal: interrupts.signal,
    uninterrupted: interrupts.uninterrupted,
    progress: progress.report,
    changes: request.changes,
    live: request.live,
    runId,
    traceId,
    childEnvironment: childEnvironment(request.host.env),
    ...personOf(request),
    processors: availableParallelism(),
    tool: { version: toolVersion(), node: process.versions.node, platform: `${process.platform}-${process.arch}` },
    waitMs: change.wait ?? 0,
    settings,
    settingsRequest: settingsRequest(request),
    server,
    repository: once(async () => {
      const { withRecords } = await import('../../records-apart.js');
      const at = { settingsRequest: settingsRequest(request), repositoryAt };
      return withRecords(await firstRepository(await settings(), request), at);
    }),
    repositoryAt,
    dumpReader: once(async () => {
      const { openDumpReader } = await import('../../../src/dump/dump-reader.js');
      return openDumpReader({ environment: childEnvironment(request.host.env), signal: interrupts.signal });
    }),
    known: () => known,
    close: () => closeAll(closers, request.diagnostics),
  };
}

/** Who types, and how they can be asked. */
function personOf({ invocation: { change }, host, interrupts, terminal, whyNot }: ContextRequest) {
  return {
    operator: operatorName(change.operator),
    hostname: hostname(),
    osUser: userName(),
    change: { reason: change.reason, ticket: change.ticket },
    terminal,
    whyNoTerminal: whyNot,
    readLine: async () => (await import('./read-line.js')).readLine(host.stdin, interrupts.signal),
  };
}

function settingsRequest(request: ContextRequest): SettingsRequest {
  const { invocation, host, prompter } = request;
  const { command, globals, target } = invocation;
  return {
    command: command.name,
    changes: command.kind === 'action' && !invocation.change.dryRun,
    environment: host.env,
    // Looked at only by what needs it: it may have been deleted.
    get cwd() {
      return host.cwd();
    },
    homeDirectory: homeOf(host.env),
    userName: userName(),
    flags: given({
      profile: globals.profile,
      config: globals.config,
      repository: target.repository,
      files: target.files,
      database: target.database,
      passwordFile: target.passwordFile,
    }),
    ...(prompter && { promptPassword: () => askPassword(prompter, request.progress) }),
  };
}

async function askPassword(prompter: Prompter, progress: ProgressDisplay): Promise<string> {
  progress.end('paused');
  return (await prompter.password('Password of the database role')).reveal();
}

async function connect(settings: Settings, request: ContextRequest): Promise<Server> {
  const { openServer } = await import('../../../src/postgres/open.js');
  const { diagnostics, host, interrupts, invocation } = request;
  const server = openServer(settings.connection, {
    environment: childEnvironment(host.env),
    runtimeDirectory: await runtimeDirectory(host.env['XDG_RUNTIME_DIR']),
    signal: interrupts.signal,
    onDebug: (statement) => diagnostics.debug(statement),
  });
  let announced = false;
  const announce = <T>(session: T): T => {
    const { isTTY, columns } = host.stderr;
    const lines = contextLines(
      settings,
      operatorName(invocation.change.operator),
      isTTY ? screenSize({ columns }).columns : null,
    );
    if (!announced) for (const line of lines) diagnostics.note(line);
    announced = true;
    return session;
  };
  return {
    ...server,
    session: async (options) => announce(await server.session(options)),
    maintenanceSession: async (purpose) => announce(await server.maintenanceSession(purpose)),
  };
}

async function firstRepository(settings: Settings, request: ContextRequest): Promise<Repository> {
  const [place] = settings.repositories;
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
  return openPlace({ name: place.name, path: place.path }, request);
}

async function openPlace(place: { readonly name: string; readonly path: string }, request: ContextRequest) {
  const { openRepository } = await import('../../../src/repository/open.js');
  const { readHostIdentity } = await import('../../../src/kernel/host-identity.js');
  const { diagnostics, invocation, host } = request;
  return openRepository(place, {
    clock: systemClock,
    host: await readHostIdentity(host.pid),
    operator: operatorName(invocation.change.operator),
    onTakeover: (holder) =>
      diagnostics.note(`The lock of a dead run was removed${holder ? ` (${holder.command})` : ''}.`),
    onStuck: (stuck) =>
      diagnostics.warn(
        `Left over from an older run, and cannot be removed: '${stuck}'. Look who may write there, and for mount points in it.`,
      ),
    onMended: (id, damage) =>
      diagnostics.warn(`The history of the backup '${id}' was damaged and is whole again: ${damage}. Check the disk.`),
    onWait: (holder) => diagnostics.note(`Waiting for the lock${holder ? `: ${holder.command} holds it` : ''}.`),
  });
}

function sayOrigins(settings: Settings, diagnostics: Diagnostics): void {
  for (const { key, value, from } of settings.origins) diagnostics.note(`  ${key} = ${value}  (${from})`);
}

function childEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  const kept = FOR_CHILDREN.map((name) => [name, environment[name]] as const);
  return {
    ...Object.fromEntries(kept.filter((pair): pair is [string, string] => pair[1] !== undefined)),
    LC_ALL: 'C',
    TZ: 'UTC',
  };
}

function given<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | undefined;
  return () => {
    value ??= make();
    return value;
  };
}

async function closeAll(closers: (() => Promise<void>)[], diagnostics: Diagnostics): Promise<void> {
  for (const close of closers.reverse()) {
    await close().catch((error: unknown) => diagnostics.debug(`closing: ${String(error)}`));
  }
}
