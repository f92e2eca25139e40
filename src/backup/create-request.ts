import type { Manifest } from '../catalog/manifest.js';
import type { Settings } from '../config/settings.js';
import type { Host } from '../host/host.js';
import type { Changes } from '../kernel/changes.js';
import type { Clock } from '../kernel/clock.js';
import type { ErrorCode } from '../kernel/error-catalog.js';
import { PotctlError } from '../kernel/errors.js';
import type { Advice } from '../kernel/next.js';
import type { Progress } from '../kernel/progress.js';
import type { Server, Session } from '../postgres/server.js';
import type { Repository } from '../repository/repository.js';
import { type KeepOptions, type PrunePolicy, prunePolicy, saysWhatToKeep } from './keep-rules.js';
import type { PruneDeps } from './prune-plan.js';
import type { VerifyReport } from './verify.js';
import type { VerifyLevel } from './verify-dump.js';

/** Options of one backup, in addition to the profile. */
export interface CreateOptions {
  readonly only: 'db' | 'files' | undefined;
  readonly databaseOnly: boolean;
  readonly jobs: number | undefined;
  readonly rows: CreateRequest['rows'];
  readonly lockWait: number;
  readonly verify: CreateRequest['verify'];
  readonly note: string | undefined;
  readonly label: readonly string[];
  /** Create the repository if it does not exist; required in production only. */
  readonly init?: boolean;
  /** Remove older backups afterwards; `--retention-days` implies it. */
  readonly prune?: boolean;
  readonly keep?: KeepOptions;
}

/** The default options. */
export const DEFAULT_OPTIONS: CreateOptions = {
  only: undefined,
  databaseOnly: false,
  jobs: undefined,
  rows: 'exact',
  lockWait: 30_000,
  verify: 'quick',
  note: undefined,
  label: [],
};

/** Who runs the backup, and where: facts that come from neither settings nor options. */
type Runner = Pick<Host, 'who' | 'tool' | 'processors' | 'waitMs'>;

/**
 * Builds the request for a backup from settings and options. Pure.
 *
 * @throws E_USAGE for contradictions and bad labels; E_CONFIG for `--only files` without files
 */
export function createRequest(settings: Settings, options: CreateOptions, runner: Runner): CreateRequest {
  const { runId, traceId, hostname } = runner.who;
  const only = chosenPart(options);
  if (only === 'files' && settings.files === null) {
    throw new PotctlError('E_CONFIG', 'there are no files to back up', {
      fix: ['Name the directory with --files DIR, or as `files.path` in the profile.'],
    });
  }
  return {
    ...{ runId, traceId, hostname, waitMs: runner.waitMs },
    only: only ?? null,
    mayInit: mayInit(settings, options),
    tool: { name: 'potctl', ...runner.tool },
    profile: settings.profile.name,
    expectedSystemIdentifier: settings.expect.systemIdentifier,
    database: only !== 'files',
    files: only === 'db' ? null : settings.files,
    references: settings.references,
    jobs: options.jobs ?? runner.processors,
    rows: options.rows,
    lockWaitMs: options.lockWait,
    verify: options.verify,
    kind: 'logical',
    note: options.note ?? null,
    labels: labelsOf(options.label),
    prune: chosenPrune(settings, options),
  };
}

/** Returns whether a command may create its repository: always outside production, with `--init` everywhere. */
export function mayInit(
  { profile }: Pick<Settings, 'profile'>,
  { init = false }: { readonly init?: boolean },
): boolean {
  return profile.environment !== 'production' || init;
}

function chosenPrune(settings: Settings, { prune = false, keep, verify }: CreateOptions): PrunePolicy | null {
  if (keep === undefined) return null;
  if (!prune && keep.retentionDays === undefined) {
    if (!saysWhatToKeep(keep)) return null;
    throw new PotctlError('E_USAGE', "the '--keep' flags require '--prune': without it nothing is removed");
  }
  if (verify === 'none') {
    throw new PotctlError('E_USAGE', "'--verify none' and '--prune' contradict each other", {
      why: 'older backups are removed only after the new one was verified',
    });
  }
  return prunePolicy(settings, keep);
}

function chosenPart({ only, databaseOnly }: CreateOptions): 'db' | 'files' | undefined {
  if (databaseOnly && only === 'files') {
    throw new PotctlError('E_USAGE', "'--database-only' and '--only files' contradict each other");
  }
  return databaseOnly ? 'db' : only;
}

function labelsOf(texts: readonly string[]): Record<string, string> {
  const labels = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    if (at < 1) throw new PotctlError('E_USAGE', `'--label' takes name=value, not '${text}'`);
    const name = text.slice(0, at);
    if (labels.has(name)) throw new PotctlError('E_USAGE', `'--label ${name}=…' was given twice`);
    labels.set(name, text.slice(at + 1));
  }
  return Object.fromEntries(labels);
}

/**
 * Returns the request for a safety backup of what a restore is about to replace.
 *
 * @param parts what exists and is touched by the restore
 */
export function safetyRequest(
  settings: Settings,
  parts: { readonly database: boolean; readonly files: boolean },
  runner: Runner,
): CreateRequest {
  const only = parts.database && parts.files ? undefined : parts.database ? 'db' : 'files';
  const options = { only, databaseOnly: false, jobs: undefined, rows: 'exact', lockWait: 30_000, label: [] } as const;
  const request = createRequest(settings, { ...options, verify: 'quick', note: undefined }, runner);
  return { ...request, kind: 'safety', note: `before restore run ${runner.who.runId}` };
}

/** What to back up, and what the manifest records about the run. */
export interface CreateRequest {
  readonly runId: string;
  readonly traceId: string;
  readonly profile: string | null;
  readonly expectedSystemIdentifier: string | null;
  readonly database: boolean;
  readonly files: { readonly path: string; readonly excludes: readonly string[] } | null;
  readonly references: string | null;
  readonly jobs: number;
  readonly rows: 'exact' | 'estimate' | 'off';
  readonly lockWaitMs: number;
  readonly waitMs: number;
  readonly verify: 'none' | VerifyLevel;
  /** `safety`: a copy of what a restore is about to replace; never `latest`, never counted by retention. */
  readonly kind: Manifest['kind'];
  readonly note: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly hostname: string;
  readonly tool: Manifest['tool'];
  /** The only part to back up, so that the other one is not reported as missing. Absent or null = all parts. */
  readonly only?: 'db' | 'files' | null;
  /** Whether the first backup may create the repository; absent = yes. */
  readonly mayInit?: boolean;
  /** Remove older backups of the series afterwards; absent or null = no. */
  readonly prune?: PrunePolicy | null;
}

/** What creating a backup depends on. */
export interface CreateDeps {
  /** Called only when the database is backed up. */
  readonly server: () => Promise<Server>;
  readonly repository: Repository;
  /** Finishes or undoes a killed restore; throws if the tree is still half-swapped afterwards. Called with the repository locked. */
  readonly recover: (what: { readonly set: string; readonly tree: string | null }) => Promise<unknown>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly changes?: Changes;
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** The newest entry of potctl's journal, read in the dump's snapshot; null if there is none. */
  readonly readAnchor?: (session: Session) => Promise<{ seq: string; hash: string; at: string } | null>;
  /** Verifies the new backup. */
  readonly verify: (id: string, level: VerifyLevel) => Promise<VerifyReport>;
  /** Backups used by running restores; called only by a request that prunes. */
  readonly restoring?: PruneDeps['restoring'];
  /** How far this machine's clock is ahead of the server's; called only by a request that prunes. */
  readonly clockOffMs?: PruneDeps['clockOffMs'];
}

/** The backup that was created, or with `dryRun` would be (`id` is null then). Sizes in bytes. */
export interface CreateResult {
  readonly id: string | null;
  readonly set: string;
  readonly status: Manifest['status'] | 'planned';
  readonly degraded_reasons: readonly string[];
  /** Whether the stored backup was verified. false: some checks could not run; null: not requested. */
  readonly verified: boolean | null;
  readonly repository: string;
  /** Whether this backup created the repository. */
  readonly new_repository: boolean;
  /** Stored size; 0 when nothing was written. */
  readonly bytes_total: number;
  readonly rows: number | null;
  readonly files: number | null;
  readonly duration_s: number;
  readonly needed_bytes: number;
  readonly free_bytes: number | null;
  /** null: not requested, or a dry run. */
  readonly pruned: PrunedAfter | null;
}

/** The result of the prune after a backup. */
export interface PrunedAfter {
  /** `skipped`: the new backup is degraded or not fully verified, so no older backup was removed. */
  readonly state: 'done' | 'skipped' | 'failed';
  /** Ids, newest first. */
  readonly removed: readonly string[];
  readonly freed_bytes: number;
  readonly problem: { readonly code: ErrorCode; readonly message: string; readonly fix: readonly Advice[] } | null;
}
