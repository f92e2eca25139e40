import type { SettingsRequest } from '../../../src/config/request.js';
import type { Settings } from '../../../src/config/settings.js';
import type { HostOptions } from '../../../src/host/host.js';
import { homeOf, operatorName, userName } from '../../../src/host/identity.js';
import type { Changes } from '../../../src/kernel/changes.js';
import { openPotctl } from '../../../src/potctl.js';
import type { Context } from '../../context.js';
import type { Diagnostics } from '../../ui/diagnostics.js';
import type { ProgressDisplay } from '../../ui/progress.js';
import type { Prompter } from '../../ui/prompts.js';
import type { Terminal } from '../../ui/terminal.js';
import type { View } from '../../ui/view.js';
import type { Invocation } from '../parse/invocation.js';
import { contextLines } from './context-line.js';
import type { Interrupts } from './signals.js';
import { screenSize } from './streams.js';

/** The parts of a context. */
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

/** Opens the engine for one command line. Nothing is read or connected yet. */
export function openContext(request: ContextRequest): Context {
  const { invocation, host, interrupts, terminal, whyNot, live } = request;
  const potctl = openPotctl(hostOf(request));
  const { reason, ticket } = invocation.change;
  return {
    ...{ potctl, live, terminal, whyNoTerminal: whyNot, change: { reason, ticket } },
    readLine: async () => (await import('./read-line.js')).readLine(host.stdin, interrupts.signal),
  };
}

function hostOf(request: ContextRequest): HostOptions {
  const { invocation, host, runId, traceId, interrupts, changes, progress, diagnostics } = request;
  const { change, globals } = invocation;
  return {
    environment: host.env,
    pid: host.pid,
    signal: interrupts.signal,
    uninterrupted: interrupts.uninterrupted,
    progress: progress.report,
    changes,
    waitMs: change.wait ?? 0,
    refusesProtected: change.dryRun ? 'apply' : 'plan',
    settings: settingsRequest(request),
    who: {
      ...{ runId, traceId, reason: change.reason ?? null, ticket: change.ticket ?? null },
      operator: operatorName(change.operator),
    },
    listener: {
      note: diagnostics.note,
      warn: diagnostics.warn,
      debug: diagnostics.debug,
      connected: (settings) => announce(settings, request),
      ...(globals.verbose && { settled: (settings: Settings) => sayOrigins(settings, diagnostics) }),
    },
  };
}

function announce(settings: Settings, { diagnostics, host: { stderr }, invocation }: ContextRequest): void {
  const columns = stderr.isTTY ? screenSize({ columns: stderr.columns }).columns : null;
  for (const line of contextLines(settings, operatorName(invocation.change.operator), columns)) diagnostics.note(line);
}

function settingsRequest({ invocation, host, prompter, progress }: ContextRequest): SettingsRequest {
  const { globals, target } = invocation;
  return {
    environment: host.env,
    // A getter, because the directory may have been deleted and most commands do not need it.
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
    ...(prompter && { promptPassword: () => askPassword(prompter, progress) }),
  };
}

async function askPassword(prompter: Prompter, progress: ProgressDisplay): Promise<string> {
  progress.end('paused');
  return (await prompter.password('Database password')).reveal();
}

function sayOrigins(settings: Settings, diagnostics: Diagnostics): void {
  for (const { key, value, from } of settings.origins) diagnostics.note(`  ${key} = ${value}  (${from})`);
}

function given<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
