import { stat } from 'node:fs/promises';
import path from 'node:path';
import { checkArchive } from '../archive/check.js';
import { checkImported } from '../archive/imported/archive.js';
import { readManifest } from '../catalog/catalog.js';
import type { Artifact, FilesPart, Manifest } from '../catalog/manifest.js';
import { counted } from '../kernel/counted.js';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import { hashFile } from '../storage/hash.js';
import { checkDump, type Finding, judge, type VerifyCheck, type VerifyDeps, type VerifyLevel } from './verify-dump.js';

export interface VerifyReport {
  readonly id: string;
  readonly level: VerifyLevel;
  /** Every check is `ok`. */
  readonly ok: boolean;
  readonly checks: readonly VerifyCheck[];
  readonly read_bytes: number;
  readonly duration_s: number;
}

/**
 * Verifies a stored backup against its manifest: size and SHA-256 of every artifact, and the tables in the dump's table of contents. At
 * level `full` every member of the archive and of the dump is also unpacked.
 *
 * The result is appended to the backup's events. Problems are results, not errors.
 *
 * @throws E_BACKUP_NOT_FOUND, E_MANIFEST (the manifest itself is damaged), E_FILES_DENIED
 */
export async function verifyBackup(deps: VerifyDeps, id: string, level: VerifyLevel): Promise<VerifyReport> {
  const hold = await deps.repository.hold(id, 'backup verify');
  try {
    return await verifyHeld(deps, id, level);
  } finally {
    await hold.release();
  }
}

async function verifyHeld(deps: VerifyDeps, id: string, level: VerifyLevel): Promise<VerifyReport> {
  const started = deps.clock.monotonicMs();
  const manifest = await readManifest(deps.repository, id);
  const folder = await deps.repository.artifacts(id);
  const checks: VerifyCheck[] = [
    { part: 'manifest', name: 'format, hash', state: 'ok', detail: manifest.schema_version },
  ];
  let readBytes = 0;
  const count = (bytes: number): void => {
    readBytes += bytes;
    deps.progress({ kind: 'bytes', done: readBytes, total: manifest.totals.stored_bytes });
  };
  const name = deps.readBack ? 'sizes' : 'hashes';
  deps.progress({ kind: 'phase', name });
  for (const [part, artifacts] of artifactsOf(manifest)) {
    checks.push(...(await checkArtifacts(deps, part, folder, artifacts, count)));
  }
  const { stored_bytes: bytes } = manifest.totals;
  deps.progress({ kind: 'done', name, facts: deps.readBack ? { bytes } : { read_bytes: readBytes } });
  if (manifest.database !== null) {
    checks.push(...(await checkDump(deps, folder, manifest.database, level)));
    if (!deps.readBack) deps.progress({ kind: 'done', name: 'dump', facts: {} });
  }
  if (manifest.storage !== null && level === 'full') {
    checks.push(await checkFiles(deps, folder, manifest));
    deps.progress({ kind: 'done', name: 'archive', facts: {} });
  }
  return finish(deps, { id, level, checks: await whereItWas(folder, checks), read_bytes: readBytes, started });
}

async function finish(
  deps: VerifyDeps,
  facts: Omit<VerifyReport, 'ok' | 'duration_s'> & { readonly started: number },
): Promise<VerifyReport> {
  const { started, ...rest } = facts;
  const ok = rest.checks.every(({ state }) => state === 'ok');
  // A check that could not run proves nothing, so it neither records the backup as verified nor as damaged.
  if (rest.checks.some(({ state }) => state === 'fail') || ok) {
    const problems = rest.checks
      .filter(({ state }) => state === 'fail')
      .map((check) => `${check.name}: ${check.detail}`);
    await note(deps, rest.id, { level: rest.level, ok, problems: problems.slice(0, 50) });
  }
  return { ...rest, ok, duration_s: Math.round(deps.clock.monotonicMs() - started) / 1000 };
}

/** Records the result. If that is impossible (read-only copy, full disk), the result is still reported. */
async function note(
  { repository, clock, operator, progress }: VerifyDeps,
  id: string,
  found: { readonly level: VerifyLevel; readonly ok: boolean; readonly problems: readonly string[] },
): Promise<void> {
  const event = { at: clock.now().toISOString(), by: operator, type: 'verify', ...found } as const;
  await repository.appendEvent(id, event).catch((error: unknown) => {
    if (!(error instanceof PotctlError) || !['E_FILES_DENIED', 'E_NO_SPACE', 'E_IO'].includes(error.code)) throw error;
    const why = typeof error.why === 'string' ? `: ${error.why}` : '';
    progress({
      kind: 'warning',
      text: `the result could not be recorded in the history of '${id}': ${error.message}${why}`,
    });
  });
}

function artifactsOf({ database, storage, imported }: Manifest): [VerifyCheck['part'], readonly Artifact[]][] {
  const parts: [VerifyCheck['part'], readonly Artifact[]][] = [];
  if (database !== null) parts.push(['database', database.files]);
  if (storage !== null) parts.push(['files', storage.artefacts]);
  if (imported?.manifest) parts.push(['manifest', [imported.manifest]]);
  return parts;
}

async function checkArtifacts(
  deps: VerifyDeps,
  part: VerifyCheck['part'],
  folder: string,
  artifacts: readonly Artifact[],
  onBytes: (bytes: number) => void,
): Promise<VerifyCheck[]> {
  const problems: VerifyCheck[] = [];
  let bytes = 0;
  for (const artifact of artifacts) {
    const found = await judge({ part, name: artifact.path, signal: deps.signal }, () =>
      checkArtifact(deps, folder, artifact, onBytes),
    );
    bytes += artifact.size;
    if (found.state !== 'ok') problems.push(found);
  }
  if (problems.length > 0) return problems;
  return [
    { part, name: 'size, sha256', state: 'ok', detail: `${counted(artifacts.length, 'artifact')}, ${bytes} bytes` },
  ];
}

async function checkArtifact(
  { signal, readBack }: VerifyDeps,
  folder: string,
  { path: name, size, sha256 }: Artifact,
  onBytes: (bytes: number) => void,
): Promise<Finding> {
  const file = path.join(folder, name);
  // Symbolic links were refused when the folder was opened.
  const found = await stat(file).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw fromErrno(error, `read '${name}' of the backup`);
  });
  if (found === null) return damaged('missing');
  if (!found.isFile()) return damaged('not a regular file');
  if (found.size !== size) return damaged(`has ${found.size} bytes, the manifest says ${size}`);
  if (readBack) return INTACT;
  const actual = await hashFile(file, signal, onBytes);
  if (sha256 === null || actual.sha256 === sha256) return INTACT;
  const [is, should] = [actual.sha256, sha256].map((hash) => hash.slice(0, 12));
  return damaged(`content differs: sha256 ${is}…, the manifest says ${should}…`);
}

const INTACT: Finding = { state: 'ok', detail: '' };
const damaged = (detail: string): Finding => ({ state: 'fail', detail });

/** Turns failures into unknown checks if the folder is gone: its disk was unmounted, so nothing is proven missing or damaged. */
async function whereItWas(folder: string, checks: readonly VerifyCheck[]): Promise<readonly VerifyCheck[]> {
  if (checks.every(({ state }) => state !== 'fail')) return checks;
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  if (isThere) return checks;
  const detail = `could not check: "${folder}" no longer exists; was its disk unmounted?`;
  return checks.map((check) => (check.state === 'fail' ? { ...check, state: 'unknown', detail } : check));
}

async function checkFiles(deps: VerifyDeps, folder: string, { storage }: Manifest): Promise<VerifyCheck> {
  const { childEnvironment: environment, signal, progress } = deps;
  progress({ kind: 'phase', name: 'archive' });
  const asked = { folder, part: storage as FilesPart, environment, signal, progress };
  return judge({ part: 'files', name: 'archive unpacked', signal }, async () => {
    const problems = await (storage!.engine === 'tar' ? checkImported(asked) : checkArchive(asked));
    if (problems.length === 0) return { state: 'ok', detail: counted(storage!.files ?? 0, 'file') };
    return damaged(problems.slice(0, 5).join('; '));
  });
}
