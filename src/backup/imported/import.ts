import type { Manifest } from '../../catalog/manifest.js';
import { canonicalJson } from '../../catalog/parse-manifest.js';
import { refuseUnwanted } from '../../catalog/series.js';
import { AS_THE_USER } from '../../config/origins.js';
import { fromHere } from '../../config/paths.js';
import type { Settings } from '../../config/settings.js';
import type { Host } from '../../host/host.js';
import type { Changes } from '../../kernel/changes.js';
import type { Clock } from '../../kernel/clock.js';
import { PotctlError } from '../../kernel/errors.js';
import { advice, again, potctl } from '../../kernel/next.js';
import type { Prepared } from '../../kernel/prepared.js';
import type { Draft, Repository } from '../../repository/repository.js';
import { mayInit } from '../create-request.js';
import { type Candidate, findCandidates, identify } from './candidates.js';
import { composeImported, placeOf, type Reader } from './compose.js';
import { type DescribeDeps, describeSource } from './describe.js';
import { putArtifacts, storedBytes } from './layout.js';
import type { Source } from './source.js';

/** What an import depends on. */
export interface ImportDeps extends DescribeDeps {
  readonly repository: Repository;
  readonly clock: Clock;
  readonly changes?: Changes;
}

/** The options of an import. Paths may be relative. */
export interface ImportOptions {
  readonly path: string;
  readonly databaseName?: string | undefined;
  readonly tree?: string | undefined;
  /** Whether the folder at the top of the archive is part of the tree. */
  readonly keepTop?: boolean;
  /** Create the repository if it does not exist; required in production only. */
  readonly init?: boolean;
}

/** What to import, and into which series. */
export interface ImportRequest extends Reader {
  /** Absolute path of a folder of the old scripts, one of their manifests, a dump, a dump directory, or a tar archive. */
  readonly path: string;
  /** A tar archive that belongs to a dump without a manifest. */
  readonly tree: string | null;
  readonly databaseName: string | null;
  /** The database of the profile; null if none was named. */
  readonly expectedDatabase: string | null;
  readonly stripTop: boolean;
  readonly waitMs: number;
  /** Whether the first import may create the repository; absent = yes. */
  readonly mayInit?: boolean;
}

/** Builds the request from settings and options. Relative paths start at the current directory. */
export function importRequest(
  settings: Settings,
  { path: place, databaseName, tree, keepTop = false, init = false }: ImportOptions,
  { who, tool, waitMs, settings: from }: Pick<Host, 'who' | 'tool' | 'waitMs' | 'settings'>,
): ImportRequest {
  const { profile, connection, files, origins } = settings;
  const named = origins.find(({ key }) => key === 'database.name');
  const isNamed = profile.name !== null || (named !== undefined && !named.from.endsWith(AS_THE_USER));
  return {
    ...{ runId: who.runId, traceId: who.traceId, hostname: who.hostname, waitMs },
    tool: { name: 'potctl', ...tool },
    path: fromHere(place, from),
    tree: tree === undefined ? null : fromHere(tree, from),
    databaseName: databaseName ?? null,
    expectedDatabase: isNamed ? connection.database : null,
    profile: profile.name,
    filesPath: files?.path ?? null,
    stripTop: !keepTop,
    mayInit: mayInit(settings, { init }),
  };
}

/** One backup that was imported, was already in the repository, or failed. */
export interface ImportedItem {
  readonly name: string;
  /** null if it has no id yet, or gets none. */
  readonly id: string | null;
  readonly state: 'imported' | 'known' | 'planned' | 'failed';
  readonly taken_at: string | null;
  readonly database: string | null;
  readonly rows: number | null;
  readonly files: number | null;
  readonly degraded_reasons: readonly string[];
  /** Only if it failed. */
  readonly problem: string | null;
  readonly code: string | null;
}

/** The result of an import. */
export interface ImportResult {
  readonly repository: string;
  /** Whether this import created the repository. */
  readonly new_repository: boolean;
  readonly items: readonly ImportedItem[];
  readonly imported: number;
  readonly known: number;
  readonly failed: number;
}

/**
 * Imports backups of the old scripts, or dumps and archives without a manifest, into the repository: each as a backup of its own, with
 * hashes, row counts and its original time. Everything is read completely first, and damaged sources are not imported. The originals are
 * only read, and the same backup is never imported twice.
 *
 * @throws the error if there is only one source; with several, errors are results unless all failed
 */
export async function prepareImport(
  deps: ImportDeps,
  request: ImportRequest,
): Promise<Prepared<readonly string[], ImportResult>> {
  const { repository, signal } = deps;
  refuseInside(repository.url, request.path);
  const isNew = !(await repository.exists());
  if (isNew && request.mayInit === false) refuseUnwanted(repository);
  const candidates = await findCandidates(request, signal);
  return {
    plan: candidates.map(({ name }) => name),
    dryRun: async () => resultOf(repository, await plan(repository, candidates), isNew),
    apply: async () => resultOf(repository, await importAll(deps, request, candidates), isNew),
  };
}

async function importAll(
  deps: ImportDeps,
  request: ImportRequest,
  candidates: readonly Candidate[],
): Promise<ImportedItem[]> {
  const { repository, signal } = deps;
  const { runId, waitMs } = request;
  const lease = await repository.lock({ command: 'backup import', runId, waitMs, signal });
  try {
    const items: ImportedItem[] = [];
    for (const candidate of candidates) {
      signal.throwIfAborted();
      await lease.assertHeld();
      items.push(await importCandidate(deps, request, candidate, candidates.length === 1));
      noteImported(deps, items, candidates.length);
    }
    if (items.every(({ state }) => state === 'failed')) throw allFailed(items);
    return items;
  } finally {
    await lease.release();
  }
}

function noteImported({ changes }: ImportDeps, items: readonly ImportedItem[], total: number): void {
  const ids = items.flatMap(({ id, state }) => (state === 'imported' ? [id] : []));
  if (ids.length === 0) return;
  const detail = `${items.length} of ${total} processed, imported: ${ids.join(', ')}`;
  changes?.note('import', { changed: items.length === total ? 'complete' : 'partial', detail });
}

async function plan(repository: Repository, candidates: readonly Candidate[]): Promise<ImportedItem[]> {
  const known = new Set((await repository.exists()) ? await repository.list() : []);
  const items: ImportedItem[] = [];
  for (const { name, id, takenAt, open } of candidates) {
    if (id !== null && known.has(id)) items.push({ ...BLANK, name, id, taken_at: takenAt, state: 'known' });
    else if (candidates.length === 1) {
      await open();
      items.push({ ...BLANK, name, id, taken_at: takenAt, state: 'planned' });
    } else {
      const problem = await open().then(() => null, failureOf);
      items.push({ ...BLANK, name, id, taken_at: takenAt, state: problem === null ? 'planned' : 'failed', ...problem });
    }
  }
  return items;
}

async function importCandidate(
  deps: ImportDeps,
  request: ImportRequest,
  candidate: Candidate,
  isOnly: boolean,
): Promise<ImportedItem> {
  const { name, id, takenAt } = candidate;
  try {
    const known = new Set(await deps.repository.list());
    if (id !== null && known.has(id)) return { ...BLANK, name, id, taken_at: takenAt, state: 'known' };
    return await importSource(deps, request, await candidate.open(), known);
  } catch (error) {
    deps.signal.throwIfAborted();
    if (isOnly || !(error instanceof PotctlError) || !OF_ONE_BACKUP.includes(error.code)) throw error;
    return { ...BLANK, name, id, taken_at: takenAt, state: 'failed', ...failureOf(error) };
  }
}

/** Errors of a single backup, after which the import continues with the next one. */
const OF_ONE_BACKUP: readonly string[] = ['E_BACKUP_CORRUPT', 'E_MANIFEST', 'E_REFUSED', 'E_UNFIT', 'E_WRONG_TARGET'];

async function importSource(
  deps: ImportDeps,
  request: ImportRequest,
  source: Source,
  known: ReadonlySet<string>,
): Promise<ImportedItem> {
  const { repository } = deps;
  await requireSpace(repository, source);
  const as = { ...(await identify(source, deps)), ...placeOf(source) };
  if (known.has(as.id)) return { ...BLANK, name: as.name, id: as.id, taken_at: as.takenAt, state: 'known' };
  const draft = await repository.draft(as.id);
  try {
    const manifest = await fill(deps, request, source, { draft, as });
    deps.signal.throwIfAborted();
    await draft.publish(canonicalJson(manifest));
    return itemOf(manifest);
  } catch (error) {
    // Report the first failure. The next run removes what cannot be removed now.
    await draft.discard().catch(() => {});
    throw error;
  }
}

async function fill(
  deps: ImportDeps,
  request: ImportRequest,
  source: Source,
  { draft, as }: { readonly draft: Draft; readonly as: Parameters<typeof composeImported>[2] },
): Promise<Manifest> {
  await putArtifacts(source, draft.folder, 'copy', deps.signal);
  const { databaseName, stripTop } = request;
  const options = { databaseName, filesRoot: request.filesPath, stripTop };
  const described = await describeSource(deps, source, draft.folder, options);
  refuseOtherDatabase(described.database?.name, request);
  return composeImported(described, source.set, as, request);
}

const BLANK = {
  ...{ id: null, taken_at: null, database: null, rows: null, files: null },
  ...{ degraded_reasons: [], problem: null, code: null },
};

function itemOf({ id, timestamp, database, storage, degraded_reasons, imported }: Manifest): ImportedItem {
  return {
    ...BLANK,
    ...{ id, degraded_reasons, name: imported!.name, state: 'imported', taken_at: timestamp },
    database: database?.name ?? null,
    rows: database?.inventory.rows_total ?? null,
    files: storage?.files ?? null,
  };
}

function resultOf({ url }: Repository, items: readonly ImportedItem[], isNew: boolean): ImportResult {
  const count = (state: ImportedItem['state']): number => items.filter((item) => item.state === state).length;
  const counts = { imported: count('imported'), known: count('known'), failed: count('failed') };
  return { repository: url, new_repository: isNew, items, ...counts };
}

function failureOf(error: unknown): Pick<ImportedItem, 'problem' | 'code'> {
  if (!(error instanceof PotctlError)) throw error;
  const { message, why, code } = error;
  return { problem: typeof why === 'string' ? `${message}: ${why}` : message, code };
}

function allFailed(items: readonly ImportedItem[]): PotctlError {
  const code = items.every((item) => item.code === 'E_REFUSED') ? 'E_REFUSED' : 'E_BACKUP_CORRUPT';
  return new PotctlError(code, `none of the ${items.length} backups could be imported`, {
    why: items
      .slice(0, 5)
      .map(({ name, problem }) => `${name}: ${problem}`)
      .join('; '),
    fix: [advice`Import one of them alone to see its full error: ${potctl('backup', 'import', 'MANIFEST.json')}`],
  });
}

async function requireSpace(repository: Repository, source: Source): Promise<void> {
  const [needed, free] = [await storedBytes(source), await repository.freeBytes()];
  if (free === null || free >= needed) return;
  throw new PotctlError('E_NO_SPACE', `not enough free space in "${repository.url}"`, {
    why: { needed_bytes: needed, free_bytes: free },
    fix: ['Free some space there, or choose another repository with --repository.'],
  });
}

/** Refuses a dump of another database: it must not become `latest` of this one. */
function refuseOtherDatabase(found: string | undefined, { expectedDatabase, databaseName }: ImportRequest): void {
  if (found === undefined || expectedDatabase === null || databaseName !== null || found === expectedDatabase) return;
  throw new PotctlError('E_WRONG_TARGET', `the dump is of the database "${found}", not of "${expectedDatabase}"`, {
    why: 'a later restore of the newest backup would restore the wrong database',
    fix: [advice`If it is the same database under another name: ${again('--database-name', found)}`],
  });
}

function refuseInside(repository: string, place: string): void {
  if (!`${place}/`.startsWith(`${repository}/`)) return;
  throw new PotctlError('E_REFUSED', `'${place}' is inside the repository '${repository}'`, {
    why: 'a repository cannot import its own content',
  });
}
