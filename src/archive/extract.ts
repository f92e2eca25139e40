import { readdirSync } from 'node:fs';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import type { CheckRequest } from './check.js';
import { followArchive, type Wanted } from './follow.js';
import type { ListTotals } from './list.js';
import { createPipes, type Pipes, type Take, writeTo } from './pipes.js';
import { toolError } from './programs.js';
import { checkStructure } from './structure.js';
import { ArchiveDamage } from './tar-header.js';
import { runsAsRoot } from './tree.js';

/** A stored archive, and the directory to extract it to. */
export interface ExtractRequest extends CheckRequest {
  /** Absolute path of an existing, empty directory. It gets the mode, owner, times and ACL of the tree's root. */
  readonly into: string;
  /** Extract only these members; if the tree itself is not among them, `into` keeps its own attributes. Default: all. */
  readonly wanted?: Wanted;
  /** Called with tar's message for each attribute that it could not set. For tar that is not a failure. */
  readonly lostAttribute?: (line: string) => void;
}

const TAR_ARGS = [
  '--extract',
  '--file=-',
  '--numeric-owner',
  '--preserve-permissions',
  // Sets a directory's times only after everything is written to it, including the second pass.
  '--delay-directory-restore',
  '--xattrs',
  '--xattrs-include=*',
  '--acls',
  '--quoting-style=c',
  '--blocking-factor=128',
];
/** Extended attributes, capabilities, access control lists and security contexts. */
const LOST_ATTRIBUTE = /Cannot (?:set|restore|drop) .*(?:extended attribute|ACLs?|SELinux|attribute)|xattr support/i;
/** Two empty blocks. */
export const END_OF_ARCHIVE = Buffer.alloc(1024);

/**
 * Extracts the tree with GNU tar. The list is first checked to be unable to leave `into`, and tar receives each header only if it matches
 * the list. After an error `into` contains a part of the tree. The caller must sync the files.
 *
 * Owners are restored if run as root, as with tar.
 *
 * @throws E_BACKUP_CORRUPT naming the member; E_REFUSED if `into` is not empty; E_NO_SPACE, E_TOOL_MISSING, E_TOOL_FAILED, E_IO,
 * E_FILES_DENIED; the signal's reason when aborted
 */
export async function extractArchive(request: ExtractRequest): Promise<ListTotals> {
  return extractInto(request, async (pipes) => {
    await checkStructure(request.folder, request.part, request.signal);
    await throughTar(request, pipes, async (forward) => {
      const wrongContent = (text: string): never => {
        throw new ArchiveDamage(text);
      };
      await followArchive({ ...request, pipes, forward, wrongContent });
      await forward(END_OF_ARCHIVE);
    });
  });
}

/**
 * Runs an extraction: checks that the directory is empty, and reports damage as E_BACKUP_CORRUPT.
 *
 * @throws E_REFUSED if `into` is not empty, E_BACKUP_CORRUPT for an ArchiveDamage; else what `work` throws
 */
export async function extractInto(
  { part, into, environment, signal }: ExtractRequest,
  work: (pipes: Pipes) => Promise<void>,
): Promise<ListTotals> {
  assertEmpty(into);
  const pipes = await createPipes({ programs: 2, bytes: part.bytes }, environment, signal);
  try {
    await work(pipes);
    return { files: part.files, directories: part.directories, symlinks: part.symlinks, bytes: part.bytes };
  } catch (error) {
    if (!(error instanceof ArchiveDamage)) throw error;
    throw new PotctlError('E_BACKUP_CORRUPT', `cannot extract "${part.backup_file}": ${error.message}`, {
      changed: 'scratch',
      cause: error,
    });
  } finally {
    pipes.remove();
  }
}

/** Checks that a directory is empty. @throws E_REFUSED if it is not; E_IO, E_FILES_DENIED */
function assertEmpty(into: string): void {
  let names: string[];
  try {
    names = readdirSync(into);
  } catch (error) {
    throw fromErrno(error, `read the directory "${into}"`);
  }
  if (names.length > 0) throw new PotctlError('E_REFUSED', `"${into}" is not empty`);
}

/**
 * Starts tar to extract into the directory, feeds it with `feed`, and waits until it ends. Owners are restored if run as root.
 *
 * @throws E_TOOL_FAILED, E_NO_SPACE and what `feed` throws; tar is stopped then
 */
export async function throughTar(
  { into, environment, signal, lostAttribute }: Omit<ExtractRequest, 'folder' | 'part'>,
  pipes: Pipes,
  feed: (forward: Take) => Promise<void>,
): Promise<void> {
  const owner = runsAsRoot() ? '--same-owner' : '--no-same-owner';
  const onStderrLine = (line: string): void => {
    if (LOST_ATTRIBUTE.test(line)) lostAttribute?.(line);
  };
  const { child, input } = pipes.sink('tar', [...TAR_ARGS, owner], { environment, signal, cwd: into, onStderrLine });
  const forward: Take = (bytes) =>
    writeTo(input, bytes)?.then(async () => {
      if (input.destroyed) throw toolError('tar', await child.ended);
    });
  try {
    await feed(forward);
  } catch (error) {
    child.kill();
    await child.ended;
    signal.throwIfAborted();
    throw error;
  }
  input.end();
  const end = await child.ended;
  signal.throwIfAborted();
  if (!end.ok) throw toolError('tar', end);
}
