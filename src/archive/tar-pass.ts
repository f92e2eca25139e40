import { PotctlError } from '../kernel/errors.js';
import { createByteFile } from './byte-file.js';
import type { CompressedFile } from './compress.js';
import { createTotals, type ListTotals } from './list.js';
import { both, type Pipes, takeAll } from './pipes.js';
import { toolError } from './programs.js';
import { createRecorder, type Outcomes, type Recorder, type Round } from './recorder.js';
import { ArchiveDamage } from './tar-header.js';
import { createTarReader } from './tar-reader.js';
import { createTarWarnings } from './tar-warnings.js';

/** The input of one run of tar. */
export interface RoundRequest extends Round {
  readonly out: CompressedFile;
  readonly pipes: Pipes;
  /** File for one JSON line per archived member; must not exist. */
  readonly listFile: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

const TAR_ARGS = [
  '--create',
  '--file=-',
  '--null',
  '--verbatim-files-from',
  '--no-unquote',
  '--no-recursion',
  '--format=posix',
  '--pax-option=delete=atime,delete=ctime',
  '--numeric-owner',
  '--xattrs',
  '--xattrs-include=*',
  '--acls',
  '--sparse',
  // Names in its messages are parsed; see tar-warnings.ts.
  '--quoting-style=c',
  // Writes a quarter of a megabyte at once: fewer switches between the programs, and the widened pipe holds four.
  '--blocking-factor=512',
];

/**
 * Archives the entries of a spool: tar's stream passes through this process into the compressor and is hashed on the way. Its
 * end-of-archive mark is left out, so that another round can follow.
 *
 * @returns the outcome of each entry, and the totals of the archived ones
 * @throws E_TOOL_MISSING, E_TOOL_FAILED, E_NO_SPACE, E_IO; the signal's reason when aborted
 */
export async function archiveRound(request: RoundRequest): Promise<{ outcomes: Outcomes; totals: ListTotals }> {
  const warnings = createTarWarnings();
  const list = createByteFile(request.listFile);
  try {
    const totals = createTotals();
    const recorder = createRecorder(request, (file) => {
      totals.count(file);
      list.add(Buffer.from(`${JSON.stringify(file)}\n`));
    });
    // Without any entry, tar would refuse to create an archive.
    if (request.spool.count > 0) await runTar(request, recorder, warnings.add);
    return { outcomes: recorder.finish(warnings), totals: totals.all() };
  } finally {
    list.close();
  }
}

async function runTar(request: RoundRequest, recorder: Recorder, onStderrLine: (line: string) => void): Promise<void> {
  const { pipes, environment, signal, spool, out } = request;
  const reader = createTarReader(recorder.listener);
  const args = [...TAR_ARGS, '--files-from', spool.names];
  // As working directory, not as --directory: no path of ours is an argument that tar could misread.
  const tar = pipes.source('tar', args, { environment, signal, onStderrLine, cwd: request.tree.folder });
  try {
    await tar.read((chunk) => {
      request.onBytes(chunk.length);
      return both(takeAll(reader.push(chunk), out.write), recorder.settle(signal));
    });
  } catch (error) {
    tar.child.kill();
    await tar.child.ended;
    signal.throwIfAborted();
    if (!(error instanceof ArchiveDamage)) throw error;
    throw new PotctlError('E_TOOL_FAILED', `tar: ${error.message}`, { cause: error });
  }
  const end = await tar.child.ended;
  signal.throwIfAborted();
  // 1: some files changed, 2: some could not be read; both are noticed in the stream. tar itself failed only if its end mark is missing.
  if (!reader.ended() || end.exitCode === null || end.exitCode > 2) throw toolError('tar', end);
}
