import { readdirSync } from 'node:fs';
import type { Child } from '../../child.js';
import { fromErrno, PotctlError } from '../../errors.js';
import type { CheckRequest } from './check.js';
import { write } from './flow.js';
import { followArchive } from './follow.js';
import type { ListTotals } from './list.js';
import { startTool, toolError } from './programs.js';
import { checkStructure } from './structure.js';
import { ArchiveDamage } from './tar-header.js';
import { runsAsRoot } from './tree.js';

/** A stored archive, and the directory that its tree comes into. */
export interface ExtractRequest extends CheckRequest {
  /** Absolute path of an existing, empty directory. It gets the mode, owner, times and ACL of the tree's root, too. */
  readonly into: string;
}

const TAR_ARGS = [
  '--extract',
  '--file=-',
  '--numeric-owner',
  '--preserve-permissions',
  // A directory's times are set once nothing is written into it any more, also by the second pass.
  '--delay-directory-restore',
  '--xattrs',
  '--xattrs-include=*',
  '--acls',
  '--quoting-style=c',
  '--blocking-factor=128',
];
const END_OF_ARCHIVE = Buffer.alloc(1024);

/**
 * Extracts the tree by GNU tar, which gets each header only after it was found to be the next of the list, and the list only after it was
 * found unable to leave `into`. On return everything is on disk, also after a power cut. After an error `into` holds a part of it.
 *
 * Owners are restored when run as root, as with tar.
 *
 * @throws E_BACKUP_CORRUPT naming the member; E_REFUSED if `into` is not empty; E_NO_SPACE, E_TOOL_MISSING, E_TOOL_FAILED, E_IO,
 *   E_FILES_DENIED; the signal's reason when aborted
 */
export async function extractArchive(request: ExtractRequest): Promise<ListTotals> {
  const { folder, part, into, environment, signal } = request;
  assertEmpty(into);
  try {
    await checkStructure(folder, part, signal);
    await feedTar(request);
    await makeDurable(into, environment, signal);
    return { files: part.files, directories: part.directories, symlinks: part.symlinks, bytes: part.bytes };
  } catch (error) {
    if (!(error instanceof ArchiveDamage)) throw error;
    throw new PotctlError('E_BACKUP_CORRUPT', `cannot extract "${part.backup_file}": ${error.message}`, {
      changed: 'scratch',
      cause: error,
    });
  }
}

function assertEmpty(into: string): void {
  let names: string[];
  try {
    names = readdirSync(into);
  } catch (error) {
    throw fromErrno(error, `read the directory "${into}"`);
  }
  if (names.length > 0) throw new PotctlError('E_REFUSED', `"${into}" is not empty`);
}

async function feedTar(request: ExtractRequest): Promise<void> {
  const { into, environment, signal } = request;
  const owner = runsAsRoot() ? '--same-owner' : '--no-same-owner';
  const options = { environment, signal, cwd: into, stdin: 'pipe', stdout: 'ignore' } as const;
  const tar = startTool('tar', [...TAR_ARGS, owner], options);
  // A broken pipe is a consequence: the exit status tells the cause.
  tar.stdin.on('error', () => {});
  try {
    await followArchive({
      ...request,
      forward: (bytes) => feed(tar, bytes),
      wrongContent(text) {
        throw new ArchiveDamage(text);
      },
    });
    await feed(tar, END_OF_ARCHIVE);
  } catch (error) {
    tar.kill();
    await tar.ended;
    signal.throwIfAborted();
    throw error;
  }
  tar.stdin.end();
  const end = await tar.ended;
  signal.throwIfAborted();
  if (!end.ok) throw toolError('tar', end);
}

function feed(tar: Child, bytes: Buffer): Promise<void> | undefined {
  const full = write(tar.stdin, bytes);
  return full?.then(async () => {
    if (tar.stdin.destroyed) throw toolError('tar', await tar.ended);
  });
}

async function makeDurable(folder: string, environment: ExtractRequest['environment'], signal: AbortSignal) {
  const end = await startTool('sync', ['-f', folder], { environment, signal, stdout: 'ignore' }).ended;
  signal.throwIfAborted();
  if (!end.ok) throw toolError('sync', end);
}
