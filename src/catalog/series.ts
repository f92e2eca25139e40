import { PotctlError } from '../kernel/errors.js';
import { type Advice, advice, again, potctl } from '../kernel/next.js';
import type { Repository } from '../repository/repository.js';
import { type GoodEntry, readCatalog } from './catalog.js';
import type { Manifest } from './manifest.js';
import { farClock, isFromFuture, isGood } from './standing.js';
import type { ManifestSummary } from './summary.js';

/** What the backups that are there already say about a new one. */
export interface Series {
  /** The newest good one, else the newest. */
  readonly previous: ManifestSummary | null;
  /** The newest good one with the same parts: how large the new one will be. */
  readonly alike: ManifestSummary | null;
  /** Why the new one will not be complete, whatever is taken. */
  readonly doubts: readonly string[];
  /** What the operator should know although it does not make the backup worse. */
  readonly warnings: readonly Advice[];
}

/** The new backup, as far as it is known before it is made. */
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

/** Reads the repository, which need not exist yet, and compares. @throws as {@link readCatalog} */
export async function readSeries(repository: Repository, planned: Planned): Promise<Series> {
  const entries = (await repository.exists()) ? await readCatalog(repository) : [];
  return compareSeries(
    entries.filter((entry) => entry.ok).filter(({ manifest }) => manifest.set === planned.set),
    planned,
  );
}

/** Pure. @param mine of the set of the new backup, newest first */
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
    // Where the server says that this clock is the wrong one, nothing is said against a backup.
    warnings: farClock(clockOffMs) === null ? fromFuture(mine, now) : [],
  };
}

/** Whoever does not want the files any more says so. */
function forgottenFiles(mine: readonly GoodEntry[], { files, only, kind }: Planned['request']): string[] {
  if (files !== null || only === 'db' || kind === 'safety') return [];
  const before = mine.find(({ manifest }) => manifest.storage !== null && manifest.kind !== 'safety')?.manifest;
  if (before === undefined) return [];
  return [
    `it has no files, but '${before.id}' has those of ${before.storage!.root}: name them with --files DIR, or say --only db`,
  ];
}

/** Ids, retention and `latest` go by this machine's clock. */
function wrongClock(offMs: number | null): string[] {
  const far = farClock(offMs);
  if (far === null) return [];
  return [`its time is not true: the clock of this machine is ${far}`];
}

function fromFuture(mine: readonly GoodEntry[], now: Date): Advice[] {
  const [newest] = mine.filter(({ manifest }) => isFromFuture(manifest.timestamp, now));
  if (newest === undefined) return [];
  return [
    advice`the backup '${newest.id}' was taken in the future, ${newest.manifest.timestamp}: if this machine's clock is right, remove it: ${potctl('backup', 'prune', newest.id)}`,
  ];
}

/**
 * A mistyped path would start a second repository, while the backups of the first grow old: in production somebody must want it.
 *
 * @throws PotctlError E_REFUSED
 */
export function refuseUnwanted(repository: Pick<Repository, 'url'>): never {
  throw new PotctlError('E_REFUSED', `there is no repository at '${repository.url}' yet`, {
    why: 'in production a new one is created only when it is asked for: a mistyped path would start a second one',
    fix: [
      advice`If it is to be a new one: ${again('--init')}`,
      'Else check the path, and whether its disk is mounted.',
    ],
  });
}
