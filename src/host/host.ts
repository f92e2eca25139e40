import { availableParallelism, hostname as systemHostname } from 'node:os';
import type { Adapter } from '../applications/application.js';
import type { SettingsFlags, SettingsRequest } from '../config/request.js';
import type { Settings } from '../config/settings.js';
import { type Changes, createChanges } from '../kernel/changes.js';
import { type Clock, systemClock } from '../kernel/clock.js';
import { type Progress, silent } from '../kernel/progress.js';
import { toolVersion } from '../kernel/version.js';
import { homeOf, newRunId, newTraceId, userName } from './identity.js';

/** Who runs potctl, in which run, and why. */
export interface Who {
  /** As recorded everywhere: the name that was given, otherwise `user@host`. */
  readonly operator: string;
  /** The user of the operating system. */
  readonly osUser: string;
  readonly hostname: string;
  /** Part of the names of databases, files and records of this run. If one opened potctl makes several changes, this is the first one's id. */
  readonly runId: string;
  /** 32 hex digits that go into logs and manifests. */
  readonly traceId: string;
  readonly reason: string | null;
  readonly ticket: string | null;
}

/** Receives what happens during the work. Called synchronously; must not throw. */
export interface Listener {
  /** Information for people who watch, e.g. that potctl waits for a lock. */
  note(text: string): void;
  /** A problem that does not stop the work but needs attention. */
  warn(text: string): void;
  /** Each statement before it is sent, without its values. */
  debug(text: string): void;
  /** Called once the settings are known. */
  settled(settings: Settings): void;
  /** Called once the first connection to the database is established. */
  connected(settings: Settings): void;
}

/** What potctl takes from its caller: a terminal, a test, another program. It reads nothing else from the process. */
export interface Host {
  readonly clock: Clock;
  /** Aborts all work; its reason is thrown. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** What has been changed so far. */
  readonly changes: Changes;
  /** Runs work that Ctrl-C must not interrupt: `signal` is delayed until it has finished. */
  uninterrupted<T>(work: () => Promise<T>): Promise<T>;
  /** What settings are made from. */
  readonly settings: SettingsRequest;
  /** The complete environment of child processes: PATH, HOME and the like; no PG*, no secrets. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  readonly who: Who;
  readonly tool: { readonly version: string; readonly node: string; readonly platform: string };
  /** The applications whose tables are recognized; undefined = the built-in ones. */
  readonly applications: readonly Adapter[] | undefined;
  /** The process id, for locks. */
  readonly pid: number;
  /** Default number of workers. */
  readonly processors: number;
  /** How long to wait for a lock, in ms; 0 = do not wait. */
  readonly waitMs: number;
  /** When a protected change is refused: before it is planned (if it will certainly be applied), or before it is applied. */
  readonly refusesProtected: 'plan' | 'apply';
  readonly listener: Listener;
}

/** What a caller passes; everything else has a default. */
export interface HostOptions extends Partial<Omit<Host, 'settings' | 'who' | 'listener'>> {
  /** Where PG*, POTCTL_* and XDG_* are read from, e.g. `process.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What a command line would contain: profile, repository, files, database. */
  readonly flags?: SettingsFlags;
  /** Absolute, for relative paths; without it they are refused. */
  readonly cwd?: string;
  readonly settings?: SettingsRequest;
  readonly who?: Partial<Who>;
  readonly listener?: Partial<Listener>;
}

/** The variables that children receive: no PG*, no secrets. */
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

const nothing = (): void => {};

/** Completes the given options: the system's clock, a signal that never fires, and no output where nothing is given. */
export function completeHost(given: HostOptions): Host {
  const { environment, flags = {}, cwd = '', who = {}, listener = {}, settings, ...rest } = given;
  const clock = given.clock ?? systemClock;
  return {
    signal: new AbortController().signal,
    progress: silent,
    changes: createChanges(),
    uninterrupted: (work) => work(),
    childEnvironment: childEnvironmentOf(environment),
    tool: { version: toolVersion(), node: process.versions.node, platform: `${process.platform}-${process.arch}` },
    applications: undefined,
    pid: process.pid,
    processors: availableParallelism(),
    waitMs: 0,
    refusesProtected: 'apply',
    ...defined(rest),
    clock,
    settings: settings ?? { flags, environment, cwd, homeDirectory: homeOf(environment), userName: userName() },
    who: completeWho(who, clock),
    listener: {
      note: nothing,
      warn: nothing,
      debug: nothing,
      settled: nothing,
      connected: nothing,
      ...defined(listener),
    },
  };
}

function completeWho(given: Partial<Who>, clock: Clock): Who {
  const { osUser = userName(), hostname = systemHostname(), reason = null, ticket = null } = given;
  const { operator = `${osUser}@${hostname}`, runId = newRunId(clock.now()), traceId = newTraceId() } = given;
  return { operator, osUser, hostname, runId, traceId, reason, ticket };
}

/** Drops undefined values: JavaScript callers often pass them explicitly. */
function defined<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

function childEnvironmentOf(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = FOR_CHILDREN.map((name) => [name, environment[name]] as const);
  return {
    ...Object.fromEntries(kept.filter((pair): pair is [string, string] => pair[1] !== undefined)),
    LC_ALL: 'C',
    TZ: 'UTC',
  };
}
