import type { BigIntStats } from 'node:fs';
import { readlinkSync } from 'node:fs';
import type { FilesPart } from '../catalog/manifest.js';
import type { Progress } from '../kernel/progress.js';
import { display } from './byte-path.js';
import type { ListedFile } from './engine.js';
import { quote, type Wanted } from './follow.js';
import { hashContent } from './hash-content.js';
import { readList } from './list.js';
import { modeOf, pathOf, targetOf } from './listed-file.js';
import { readPrints } from './membership.js';
import { type Replaced, readReplaced } from './replaced.js';
import { absolute, lookAt, openTree, runsAsRoot, type Tree } from './tree.js';
import { walk } from './walk.js';
import { createYielder } from './yield-often.js';

/** A tree on disk, and the backup to compare it with. */
export interface CompareRequest {
  /** The backup's folder. */
  readonly folder: string;
  readonly part: FilesPart;
  /** Absolute path of the tree. */
  readonly root: string;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Compare only these members of the archive. Default: all. */
  readonly wanted?: Pick<Wanted, 'has'>;
  /** Called for a file with another owner if this user cannot set owners. That is no difference. */
  readonly otherOwner?: (file: ListedFile) => void;
}

const MAX_PROBLEMS = 20;

/**
 * Reads a tree from disk and compares it with the list of a backup: type, content, size, mode, time, link target, owner (as root), and that
 * nothing else exists. The root's own mode and time and excluded paths are not compared.
 *
 * @returns the first 20 differences; empty if the tree equals the backup
 * @throws E_FILES_MISSING, E_FILES_DENIED, E_IO; ArchiveDamage if the list cannot be read; the signal's reason when aborted
 */
export async function compareTree(request: CompareRequest): Promise<string[]> {
  const { folder, part, signal, progress, wanted, otherOwner } = request;
  const tree = openTree(request.root);
  const replaced = await readReplaced(folder, part, signal);
  const yieldIfDue = createYielder(signal);
  const problems: string[] = [];
  let index = 0;
  let bytes = 0;
  for await (const file of readList(folder, part, signal)) {
    const compared = !file.superseded && file.path !== '.' && wanted?.has(index) !== false;
    const problem = compared ? await difference({ tree, file, index, replaced, yieldIfDue, otherOwner }) : undefined;
    if (problem !== undefined) problems.push(`${quote(file)} ${problem}`);
    if (problems.length >= MAX_PROBLEMS) return problems;
    index += 1;
    bytes += file.size;
    progress({ kind: 'bytes', done: bytes, total: part.bytes });
    await yieldIfDue();
  }
  return [...problems, ...(await findExtra(request, tree))].slice(0, MAX_PROBLEMS);
}

interface Compared {
  readonly tree: Tree;
  readonly file: ListedFile;
  /** Its line in the list. */
  readonly index: number;
  readonly replaced: Replaced;
  readonly yieldIfDue: () => Promise<void> | undefined;
  readonly otherOwner: CompareRequest['otherOwner'];
}

async function difference(compared: Compared): Promise<string | undefined> {
  const { tree, file } = compared;
  const stats = lookAt(tree, pathOf(file));
  if (stats === undefined) return 'is missing';
  if (stats === 'unreadable') return 'cannot be read';
  return kindDifference(file, stats) ?? factDifference(compared, stats) ?? (await contentDifference(compared, stats));
}

function kindDifference(file: ListedFile, stats: BigIntStats): string | undefined {
  const fits = {
    file: stats.isFile(),
    directory: stats.isDirectory(),
    symlink: stats.isSymbolicLink(),
    fifo: stats.isFIFO(),
    hardlink: !stats.isDirectory(),
  }[file.type];
  return fits ? undefined : `is not a ${file.type}`;
}

function factDifference({ file, otherOwner }: Compared, stats: BigIntStats): string | undefined {
  const mode = modeOf({ mode: Number(stats.mode) & 0o7777 });
  if (!stats.isSymbolicLink() && mode !== file.mode) return `has mode ${mode} instead of ${file.mode}`;
  if (file.type === 'file' && Number(stats.size) !== file.size)
    return `has ${stats.size} bytes instead of ${file.size}`;
  if (String(stats.mtimeNs) !== file.mtime_ns) return `has mtime ${stats.mtimeNs} ns instead of ${file.mtime_ns} ns`;
  const [uid, gid] = [Number(stats.uid), Number(stats.gid)];
  if (uid === file.uid && gid === file.gid) return undefined;
  if (!runsAsRoot()) return void otherOwner?.(file);
  return `belongs to ${uid}:${gid} instead of ${file.uid}:${file.gid}`;
}

async function contentDifference(compared: Compared, stats: BigIntStats): Promise<string | undefined> {
  const { tree, file, index, replaced, yieldIfDue } = compared;
  if (file.type === 'symlink') return linkDifference(tree, file);
  const sha256 = file.type === 'hardlink' ? replaced.contentOf(targetOf(file) ?? '', index) : file.sha256;
  if (file.type === 'hardlink' && sha256 === undefined) {
    const target = lookAt(tree, targetOf(file) ?? '');
    return typeof target === 'object' && target.ino === stats.ino && target.dev === stats.dev
      ? undefined
      : 'is not a hard link to its target';
  }
  if (sha256 === undefined) return undefined;
  const found = await hashContent(absolute(tree, pathOf(file)), yieldIfDue);
  return found === sha256 ? undefined : 'has different content (SHA-256 differs)';
}

function linkDifference(tree: Tree, file: ListedFile): string | undefined {
  const target = readlinkSync(absolute(tree, pathOf(file)), { encoding: 'latin1' });
  return target === targetOf(file) ? undefined : `points to ${JSON.stringify(display(target))}`;
}

async function findExtra({ folder, part, signal }: CompareRequest, tree: Tree): Promise<string[]> {
  const holds = await readPrints(folder, part, signal, () => true);
  const extra: string[] = [];
  await walk({
    tree,
    excludes: part.excludes,
    signal,
    entry({ path }) {
      if (path === '' || extra.length >= MAX_PROBLEMS || holds(path)) return;
      extra.push(`${JSON.stringify(display(path))} exists, but is not in the backup`);
    },
    skipped() {},
    unreadable: (path) => void extra.push(`${JSON.stringify(display(path))} cannot be read`),
  });
  return extra;
}
