import { PotctlError } from '../kernel/errors.js';
import { type Advice, advice, again, potctl } from '../kernel/next.js';
import type { Repository } from '../repository/repository.js';
import { type GoodEntry, readCatalog } from './catalog.js';
import type { Manifest } from './manifest.js';
import { farClock, isFromFuture, isGood } from './standing.js';
import type { ManifestSummary } from './summary.js';

/** What the existing backups of a series say about a new one. */
export interface Series {
  /** The newest good backup, else the newest. */
  readonly previous: ManifestSummary | null;
  /** The newest good backup with the same parts: an estimate for the size of the new one. */
  readonly alike: ManifestSummary | null;
  /** Reasons why the new backup will be degraded, whatever its parts contain. */
  readonly doubts: readonly string[];
  /** Warnings that do not degrade the backup. */
  readonly warnings: readonly Advice[];
}

/** The new backup, as far as it is known in advance. */
export interface Planned {
  readonly set: string;
  readonly request: {
    readonly database: boolean;
    readonly files: { readonly path: string } | null;
    readonly only?: 'db' | 'files' | null;
    readonly kind: Manifest['kind'];
  };
  readonly now: Date;
  /** How far this machine's clock is ahead of the database server's; null = no server was asked. */
  readonly clockOffMs: number | null;
}

/** Reads the repository, which need not exist yet, and compares the series with the new backup. @throws as {@link readCatalog} */
export async function readSeries(repository: Repository, planned: Planned): Promise<Series> {
  const entries = (await repository.exists()) ? await readCatalog(repository) : [];
  return compareSeries(
    entries.filter((entry) => entry.ok).filter(({ manifest }) => manifest.set === planned.set),
    planned,
  );
}

/** Compares existing backups with the new one. Pure. @param mine the backups of the same series, newest first */
export function compareSeries(mine: readonly GoodEntry[], { request, now, clockOffMs }: Planned): Series {
  const good = mine.filter((entry) => isGood(entry, now)).map(({ manifest }) => manifest);
  const alike = good.find(
    ({ database, storage }) =>
      (database !== null) === request.database && (storage !== null) === (request.files !== null),
  );
  return {
    previous: good[0] ?? mine[0]?.manifest ?? null,
    alike: alike ?? null,
    doubts: [...forgottenFiles(mine, request), ...wrongClock(clockOffMs)],
    // If the server says that this clock is wrong, the dates of other backups prove nothing.
    warnings: farClock(clockOffMs) === null ? fromFuture(mine, now) : [],
  };
}

/** Reports files that are suddenly missing, unless the operator asked for the database only. */
function forgottenFiles(mine: readonly GoodEntry[], { files, only, kind }: Planned['request']): string[] {
  if (files !== null || only === 'db' || kind === 'safety') return [];
  const before = mine.find(({ manifest }) => manifest.storage !== null && manifest.kind !== 'safety')?.manifest;
  if (before === undefined) return [];
  return [
    `it has no files, but '${before.id}' has those of ${before.storage!.root}: pass --files DIR to include them, or --only db`,
  ];
}

/** Reports a wrong clock: ids, retention and `latest` depend on it. */
function wrongClock(offMs: number | null): string[] {
  const far = farClock(offMs);
  if (far === null) return [];
  return [`its date is wrong: this machine's clock is ${far}`];
}

function fromFuture(mine: readonly GoodEntry[], now: Date): Advice[] {
  const [newest] = mine.filter(({ manifest }) => isFromFuture(manifest.timestamp, now));
  if (newest === undefined) return [];
  return [
    advice`the backup '${newest.id}' is dated in the future (${newest.manifest.timestamp}). If this machine's clock is right, remove it: ${potctl('backup', 'prune', newest.id)}`,
  ];
}

/**
 * Refuses to create a repository in production without `--init`: a mistyped path would start a second one, while the backups in the first
 * grow old.
 *
 * @throws PotctlError E_REFUSED
 */
export function refuseUnwanted(repository: Pick<Repository, 'url'>): never {
  throw new PotctlError('E_REFUSED', `there is no repository at '${repository.url}'`, {
    why: 'in production a repository is only created with --init, because a mistyped path would start a second one',
    fix: [advice`To create it: ${again('--init')}`, 'Otherwise check the path, and whether its disk is mounted.'],
  });
}
