import { availableParallelism, hostname as systemHostname } from 'node:os';
import type { Adapter } from '../applications/application.js';
import type { SettingsFlags, SettingsRequest } from '../config/request.js';
import type { Settings } from '../config/settings.js';
import { type Changes, createChanges } from '../kernel/changes.js';
import { type Clock, systemClock } from '../kernel/clock.js';
import { type Progress, silent } from '../kernel/progress.js';
import { toolVersion } from '../kernel/version.js';
import { homeOf, newRunId, newTraceId, userName } from './identity.js';

/** Who is at work, in which run, and why. */
export interface Who {
  /** As it stands in every record: a name that was given, else `user@host`. */
  readonly operator: string;
  /** The user of the operating system. */
  readonly osUser: string;
  readonly hostname: string;
  /** Names databases, files and records of this run. Of several changes by one opened potctl it is the first one's. */
  readonly runId: string;
  /** 32 hex digits that go into logs and manifests. */
  readonly traceId: string;
  readonly reason: string | null;
  readonly ticket: string | null;
}

/** Hears what happens beside the work. Called synchronously; must not throw. */
export interface Listener {
  /** For people who watch, e.g. that a lock is waited for. */
  note(text: string): void;
  /** What should be looked at, although the work goes on. */
  warn(text: string): void;
  /** Each statement before it is sent, without its values. */
  debug(text: string): void;
  /** The settings are known. */
  settled(settings: Settings): void;
  /** The first connection to the database stands. */
  connected(settings: Settings): void;
}

/** What potctl takes from whoever uses it: a terminal, a test, another program. Nothing else of the process is looked at. */
export interface Host {
  readonly clock: Clock;
  /** Ends all work; its reason is thrown. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** What was changed so far. */
  readonly changes: Changes;
  /** Runs what must not be cut in two by Ctrl-C: `signal` is held back meanwhile. */
  uninterrupted<T>(work: () => Promise<T>): Promise<T>;
  /** What settings are made from. */
  readonly settings: SettingsRequest;
  /** The whole environment of children: PATH, HOME and their like; no PG*, nothing secret. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  readonly who: Who;
  readonly tool: { readonly version: string; readonly node: string; readonly platform: string };
  /** The applications whose tables are recognized; undefined = those that potctl knows by itself. */
  readonly applications: readonly Adapter[] | undefined;
  /** Of this process, for locks. */
  readonly pid: number;
  /** How many workers make sense by default. */
  readonly processors: number;
  /** How long to wait for a lock, in ms; 0 = not at all. */
  readonly waitMs: number;
  /** When a change that the profile protects is refused: before it is planned, where it is sure to be made, or before it is made. */
  readonly refusesProtected: 'plan' | 'apply';
  readonly listener: Listener;
}

/** What a host has to say; everything else has a default. */
export interface HostOptions extends Partial<Omit<Host, 'settings' | 'who' | 'listener'>> {
  /** Where PG*, POTCTL_* and XDG_* are looked up, e.g. `process.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What would stand on a command line: profile, repository, files, database. */
  readonly flags?: SettingsFlags;
  /** Absolute; for relative paths, which are refused without it. */
  readonly cwd?: string;
  readonly settings?: SettingsRequest;
  readonly who?: Partial<Who>;
  readonly listener?: Partial<Listener>;
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

const nothing = (): void => {};

/** A host of what was given: the system's clock, a signal that never comes, and silence where nothing else was said. */
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
    ...said(rest),
    clock,
    settings: settings ?? { flags, environment, cwd, homeDirectory: homeOf(environment), userName: userName() },
    who: completeWho(who, clock),
    listener: { note: nothing, warn: nothing, debug: nothing, settled: nothing, connected: nothing, ...said(listener) },
  };
}

function completeWho(given: Partial<Who>, clock: Clock): Who {
  const { osUser = userName(), hostname = systemHostname(), reason = null, ticket = null } = given;
  const { operator = `${osUser}@${hostname}`, runId = newRunId(clock.now()), traceId = newTraceId() } = given;
  return { operator, osUser, hostname, runId, traceId, reason, ticket };
}

/** Without what is undefined: in JavaScript it is said as often as it is left out. */
function said<T extends object>(values: T): T {
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
