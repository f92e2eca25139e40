import type { Settings } from '../config/settings.js';
import { PotctlError } from '../kernel/errors.js';
import type { CreateRequest } from './create.js';
import { type KeepWishes, type PrunePolicy, prunePolicy, saysWhatToKeep } from './keep-rules.js';

/** What a person may say about one backup, beyond the profile. */
export interface CreateWishes {
  readonly only: 'db' | 'files' | undefined;
  readonly databaseOnly: boolean;
  readonly jobs: number | undefined;
  readonly rows: CreateRequest['rows'];
  readonly lockWait: number;
  readonly verify: CreateRequest['verify'];
  readonly note: string | undefined;
  readonly label: readonly string[];
  /** Create the repository, if it is not there yet: asked for in production only. */
  readonly init?: boolean;
  /** Remove older ones afterwards; `--retention-days` means it, too. */
  readonly prune?: boolean;
  readonly keep?: KeepWishes;
}

/** Who runs it and when: the parts of the request that neither settings nor wishes know. */
export interface CreateOccasion {
  readonly runId: string;
  readonly traceId: string;
  readonly waitMs: number;
  readonly hostname: string;
  readonly tool: { readonly version: string; readonly node: string; readonly platform: string };
  readonly processors: number;
  readonly dryRun: boolean;
}

/**
 * Makes the request for a backup from settings and wishes. Pure.
 *
 * @throws E_USAGE for contradictions and bad labels; E_CONFIG for `--only files` without files
 */
export function createRequest(settings: Settings, wishes: CreateWishes, occasion: CreateOccasion): CreateRequest {
  const { runId, traceId, waitMs, hostname, dryRun } = occasion;
  const only = wishedPart(wishes);
  if (only === 'files' && settings.files === null) {
    throw new PotctlError('E_CONFIG', 'there are no files to back up', {
      fix: ['Name the directory with --files DIR, or as `files.path` in the profile.'],
    });
  }
  return {
    ...{ runId, traceId, waitMs, hostname, dryRun },
    only: only ?? null,
    mayInit: mayInit(settings, wishes),
    tool: { name: 'potctl', ...occasion.tool },
    profile: settings.profile.name,
    expectedSystemIdentifier: settings.expect.systemIdentifier,
    database: only !== 'files',
    files: only === 'db' ? null : settings.files,
    references: settings.references,
    jobs: wishes.jobs ?? occasion.processors,
    rows: wishes.rows,
    lockWaitMs: wishes.lockWait,
    verify: wishes.verify,
    kind: 'logical',
    note: wishes.note ?? null,
    labels: labelsOf(wishes.label),
    prune: wishedPrune(settings, wishes),
  };
}

/** May a command create the repository that it was given? */
export function mayInit(
  { profile }: Pick<Settings, 'profile'>,
  { init = false }: { readonly init?: boolean },
): boolean {
  return profile.environment !== 'production' || init;
}

function wishedPrune(settings: Settings, { prune = false, keep, verify }: CreateWishes): PrunePolicy | null {
  if (keep === undefined) return null;
  if (!prune && keep.retentionDays === undefined) {
    if (!saysWhatToKeep(keep)) return null;
    throw new PotctlError('E_USAGE', "the '--keep' flags belong to '--prune': without it nothing is removed");
  }
  if (verify === 'none') {
    throw new PotctlError('E_USAGE', "'--verify none' and '--prune' contradict each other", {
      why: 'older backups go only once the new one was read back and found good',
    });
  }
  return prunePolicy(settings, keep);
}

function wishedPart({ only, databaseOnly }: CreateWishes): 'db' | 'files' | undefined {
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
 * The request for a backup of what a restore is about to replace.
 *
 * @param parts what there is to back up, and what the restore touches
 */
export function safetyRequest(
  settings: Settings,
  parts: { readonly database: boolean; readonly files: boolean },
  occasion: CreateOccasion,
): CreateRequest {
  const only = parts.database && parts.files ? undefined : parts.database ? 'db' : 'files';
  const wishes = { only, databaseOnly: false, jobs: undefined, rows: 'exact', lockWait: 30_000, label: [] } as const;
  const request = createRequest(settings, { ...wishes, verify: 'quick', note: undefined }, occasion);
  return { ...request, kind: 'safety', note: `before restore run ${occasion.runId}` };
}
