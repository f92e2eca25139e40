import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { FilesPart } from '../catalog/manifest.js';
import { identitiesAbove, refuseOverlap } from '../storage/place.js';
import { type CompressedFile, chooseCompression, createCompressedFile } from './compress.js';
import type { FilesBackup, FilesRequest } from './engine.js';
import { createPathLog, type PathLog } from './incomplete.js';
import { LIST_FILE, type ListedRound, writeList } from './list.js';
import { createMembership } from './membership.js';
import { createPipes, type Pipes, WORTH_PIPES_BYTES } from './pipes.js';
import type { Outcomes } from './recorder.js';
import { createScratch, type Scratch } from './scratch.js';
import { selectChanged, selectFailed } from './select.js';
import type { Spool } from './spool.js';
import { archiveRound } from './tar-pass.js';
import { openTree, type Tree } from './tree.js';
import { type WalkEntry, walk } from './walk.js';

export { estimateTree } from './estimate.js';

/** Pauses before each retry of the second pass, for files that change while they are read. */
const PAUSES_MS = [0, 100, 500];
const ROUNDS = 1 + PAUSES_MS.length;
/** Longer than one tick of the file system clock: a change after the walk then gets another timestamp. */
const SETTLE_MS = 20;
const END_OF_ARCHIVE = Buffer.alloc(1024);

/** What both passes work on. */
interface Work {
  readonly request: FilesRequest;
  readonly tree: Tree;
  /** Opened during the first walk, as soon as it is known whether the tree is large. */
  outlet: Promise<Outlet> | undefined;
  readonly scratch: Scratch;
  readonly signal: AbortSignal;
  /** The list of each finished round, in archive order. */
  readonly rounds: ListedRound[];
  bytes: number;
}

/** The archive being written. */
interface Outlet {
  /** Its file name in the backup's folder. */
  readonly file: string;
  readonly compression: string;
  readonly out: CompressedFile;
  readonly pipes: Pipes;
}

/**
 * Starts a backup of a file tree into one archive, readable by plain tar, with a list of its members.
 *
 * Both passes write to the same archive: the second one appends, and a later member replaces an earlier one with the same path.
 *
 * @throws E_FILES_MISSING, E_FILES_DENIED, E_REFUSED if the backup would be inside the tree
 */
export async function startFilesBackup(request: FilesRequest): Promise<FilesBackup> {
  const tree = openTree(request.root);
  refuseOverlap(request.folder, request.root);
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const scratch = createScratch(request.folder);
  return backupOf({ request, tree, outlet: undefined, signal, scratch, rounds: [], bytes: 0 }, stop);
}

/** Opens the archive at the first call. */
function openOutlet(work: Work, bytes: number): Promise<Outlet> {
  work.outlet ??= makeOutlet(work.request, bytes, work.signal);
  // A failure is reported after the walk, when the archive is first used.
  work.outlet.catch(() => {});
  return work.outlet;
}

async function makeOutlet({ folder, environment }: FilesRequest, bytes: number, signal: AbortSignal): Promise<Outlet> {
  const [compression, pipes] = await Promise.all([
    chooseCompression(bytes, environment, signal),
    createPipes({ programs: 1 + ROUNDS, bytes }, environment, signal),
  ]);
  const file = `files.tar${compression.extension}`;
  try {
    const out = createCompressedFile(path.join(folder, file), compression, { pipes, environment, signal });
    return { file, compression: compression.name, out, pipes };
  } catch (error) {
    pipes.remove();
    throw error;
  }
}

function backupOf(work: Work, stop: AbortController): FilesBackup {
  let running: Promise<unknown> = Promise.resolve();
  let first: Outcomes | undefined;
  let part: FilesPart | undefined;
  let holds: Promise<(path: string) => boolean> | undefined;
  return {
    async firstPass() {
      const pass = readAll(work);
      running = pass;
      first = await pass;
    },
    async secondPass() {
      if (first === undefined) throw new Error('firstPass must be called first');
      const pass = readChanged(work, first);
      running = pass;
      part = await pass;
      return part;
    },
    async has(asked) {
      if (part === undefined) throw new Error('has must be called after secondPass');
      holds ??= createMembership(work.request.folder, part, work.tree, work.signal);
      return (await holds)(asked);
    },
    async abort() {
      stop.abort(work.request.signal.reason);
      await Promise.allSettled([running, work.outlet?.then(({ out }) => out.abort())]);
      await cleanUp(work);
    },
  };
}

async function readAll(work: Work): Promise<Outcomes> {
  const [skipped, unreadable] = [createPathLog(), createPathLog()];
  let bytes = 0;
  const spool = await walkTree(work, skipped, unreadable, (entry) => {
    bytes += entry.stored;
    if (bytes >= WORTH_PIPES_BYTES) openOutlet(work, bytes);
  });
  openOutlet(work, bytes);
  return archive(work, spool, false);
}

async function readChanged(work: Work, first: Outcomes): Promise<FilesPart> {
  const { request, scratch, signal } = work;
  const { file, compression, out } = await work.outlet!;
  openTree(request.root);
  const [skipped, incomplete] = [createPathLog(), createPathLog()];
  const later = await walkTree(work, skipped, incomplete);
  const unlisted = incomplete.total();
  const chosen = scratch.spool();
  await selectChanged(first, later, { into: chosen, incomplete, signal });
  await readRounds(work, chosen.finish(), incomplete);
  const { totals, list, archived } = await finishArchive(work, out);
  await cleanUp(work);
  return {
    backup_file: file,
    size_bytes: archived.size,
    engine: 'archive',
    engine_version: 1,
    root: request.root,
    compression,
    list_file: LIST_FILE,
    ...totals,
    skipped: skipped.named(),
    skipped_total: skipped.total(),
    incomplete: incomplete.named(),
    incomplete_total: incomplete.total(),
    unlisted_total: unlisted,
    excludes: [...request.excludes],
    artefacts: [
      { path: file, ...archived },
      { path: LIST_FILE, ...list },
    ],
  };
}

async function finishArchive({ request, rounds, signal }: Work, out: CompressedFile) {
  await out.write(END_OF_ARCHIVE);
  // The compressor still has to write its buffers. A failure meanwhile is reported below.
  const closing = out.close();
  closing.catch(() => {});
  const { totals, ...list } = await writeList(request.folder, rounds, signal);
  return { totals, list, archived: await closing };
}

async function readRounds(work: Work, chosen: Spool, incomplete: PathLog): Promise<void> {
  const { tree, scratch, signal } = work;
  let spool = chosen;
  for (const [index, pause] of PAUSES_MS.entries()) {
    if (spool.count === 0) return;
    await setTimeout(pause, undefined, { signal });
    const round = await archive(work, spool, true);
    const next = scratch.spool();
    await selectFailed(tree, round, index === PAUSES_MS.length - 1, { into: next, incomplete, signal });
    spool.remove();
    spool = next.finish();
  }
}

async function walkTree(
  work: Work,
  skipped: PathLog,
  unreadable: PathLog,
  passed: (entry: WalkEntry) => void = () => {},
): Promise<Spool> {
  const spool = work.scratch.spool();
  await walk({
    tree: work.tree,
    excludes: work.request.excludes,
    refused: identitiesAbove(work.request.folder),
    signal: work.signal,
    entry(entry) {
      spool.add(entry);
      passed(entry);
    },
    skipped: skipped.add,
    unreadable: (entry) => unreadable.add(entry, 'unreadable'),
  });
  return spool.finish();
}

async function archive(work: Work, spool: Spool, last: boolean): Promise<Outcomes> {
  const { request, tree, scratch, signal, rounds } = work;
  const { out, pipes } = await work.outlet!;
  const listFile = scratch.file('list');
  await setTimeout(SETTLE_MS, undefined, { signal });
  const { outcomes, totals } = await archiveRound({
    tree,
    spool,
    last,
    out,
    pipes,
    listFile,
    environment: request.environment,
    signal,
    onBytes(bytes) {
      work.bytes += bytes;
      request.progress({ kind: 'bytes', done: work.bytes });
    },
  });
  rounds.push({ file: listFile, totals });
  return outcomes;
}

async function cleanUp({ scratch, outlet }: Work): Promise<void> {
  scratch.remove();
  await outlet?.then(
    ({ pipes }) => pipes.remove(),
    () => {},
  );
}
