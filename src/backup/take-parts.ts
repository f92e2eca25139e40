import { startFilesBackup } from '../archive/archive.js';
import type { FilesBackup } from '../archive/engine.js';
import type { FilesPart } from '../catalog/manifest.js';
import { type DumpResult, dumpDatabase } from '../dump/dump.js';
import type { Progress } from '../kernel/progress.js';
import type { Server } from '../postgres/server.js';
import type { Draft } from '../repository/repository.js';
import type { ManifestParts } from './compose-manifest.js';
import type { CreateDeps, CreateRequest } from './create-request.js';
import { compareReferences, type ReferenceCounts } from './references.js';

/**
 * Backs up the files, the database, and the files again into the draft. The order guarantees consistency: a file whose row is in the dump
 * existed before the snapshot ended, so the second pass finds it.
 *
 * @throws what the dump and the files engine throw; the engine is stopped then, and the caller must discard the draft
 */
export async function takeParts(
  deps: CreateDeps,
  request: CreateRequest,
  draft: Draft,
  server: Server | null,
): Promise<ManifestParts> {
  const { clock, progress } = deps;
  const files = request.files === null ? null : await startFiles(deps, request.files, draft);
  try {
    if (files !== null) await files.firstPass();
    const firstPassEnd = files === null ? null : clock.now();
    const dump = server === null ? null : await takeDump(deps, request, draft, server);
    const storage = files === null ? null : await finishFiles(files, progress);
    const secondPassEnd = files === null ? null : clock.now();
    const references = await countReferences(deps, request, dump, files, storage);
    return { dump, storage, references, firstPassEnd, secondPassEnd };
  } catch (error) {
    await files?.abort();
    throw error;
  }
}

async function startFiles(
  deps: CreateDeps,
  files: NonNullable<CreateRequest['files']>,
  draft: Draft,
): Promise<FilesBackup> {
  deps.progress({ kind: 'phase', name: 'files' });
  return startFilesBackup({
    root: files.path,
    excludes: files.excludes,
    folder: draft.folder,
    environment: deps.childEnvironment,
    signal: deps.signal,
    progress: deps.progress,
  });
}

async function takeDump(
  { signal, progress, readAnchor }: CreateDeps,
  request: CreateRequest,
  draft: Draft,
  server: Server,
): Promise<DumpResult> {
  progress({ kind: 'phase', name: 'database' });
  const dump = await dumpDatabase(server, {
    folder: draft.folder,
    jobs: request.jobs,
    rows: request.rows,
    lockWaitMs: request.lockWaitMs,
    references: request.files === null ? null : request.references,
    ...(readAnchor && { readAnchor }),
    signal,
    progress,
  });
  const { inventory, size_bytes } = dump.part;
  const facts = { stored_bytes: size_bytes, tables: inventory.tables.length };
  progress({
    kind: 'done',
    name: 'database',
    facts: inventory.rows_total === null ? facts : { ...facts, rows: inventory.rows_total },
  });
  return dump;
}

async function finishFiles(files: FilesBackup, progress: Progress): Promise<FilesPart> {
  progress({ kind: 'phase', name: 'files' });
  const part = await files.secondPass();
  progress({
    kind: 'done',
    name: 'files',
    facts: { stored_bytes: part.size_bytes, files: part.files, incomplete: part.incomplete_total },
  });
  return part;
}

async function countReferences(
  { childEnvironment, signal }: CreateDeps,
  request: CreateRequest,
  dump: DumpResult | null,
  files: FilesBackup | null,
  storage: FilesPart | null,
): Promise<ReferenceCounts | null> {
  if (!dump?.referencedList || files === null || storage === null) return null;
  return compareReferences({
    list: dump.referencedList,
    root: request.files!.path,
    files: storage.files,
    has: (file) => files.has(file),
    environment: childEnvironment,
    signal,
  });
}
