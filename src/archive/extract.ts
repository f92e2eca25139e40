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

/** A stored archive, and the directory that its tree comes into. */
export interface ExtractRequest extends CheckRequest {
  /** Absolute path of an existing, empty directory. It gets the mode, owner, times and ACL of the tree's root, too. */
  readonly into: string;
  /** Only these members; without the tree itself, `into` keeps its own attributes. Default: all. */
  readonly wanted?: Wanted;
  /** Told what tar says of each attribute that it could not set: to tar that is no failure. */
  readonly lostAttribute?: (line: string) => void;
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
/** Extended attributes, capabilities, access control lists and security contexts. */
const LOST_ATTRIBUTE = /Cannot (?:set|restore|drop) .*(?:extended attribute|ACLs?|SELinux|attribute)|xattr support/i;
/** Two empty blocks. */
export const END_OF_ARCHIVE = Buffer.alloc(1024);

/**
 * Extracts the tree by GNU tar, which gets each header only after it was found to be the next of the list, and the list only after it was
 * found unable to leave `into`. After an error `into` holds a part of it.
 * What was written is not yet safe from a power cut: that is up to the caller.
 *
 * Owners are restored when run as root, as with tar.
 *
 * @throws E_BACKUP_CORRUPT naming the member; E_REFUSED if `into` is not empty; E_NO_SPACE, E_TOOL_MISSING, E_TOOL_FAILED, E_IO,
 *   E_FILES_DENIED; the signal's reason when aborted
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
 * What every extraction has around it: an empty directory before, and damage told as such.
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

/** @throws E_REFUSED if there is anything in the directory; E_IO, E_FILES_DENIED */
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
 * Starts the tar that extracts into the directory, and waits for its end; `feed` gives it the archive. Owners are restored when run as root.
 *
 * @throws E_TOOL_FAILED, E_NO_SPACE and what `feed` throws: then tar is ended
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
