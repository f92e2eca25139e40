import { Buffer } from 'node:buffer';
import { startChild } from '../../kernel/child.js';
import { PotctlError } from '../../kernel/errors.js';

type Environment = Readonly<Record<string, string>>;

const TAR = ['--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner', '--no-recursion'];

/** Access and change times are not restored. */
const TIMES = '--pax-option=delete=atime,delete=ctime';

/**
 * A folder's own mode, owner, mtime (ns), ACL and extended attributes, as the base64 of a one-member tar: Node can neither read extended
 * attributes nor write nanoseconds, GNU tar can do both.
 *
 * @throws PotctlError E_TOOL_MISSING, E_TOOL_FAILED
 */
export async function readAttributes(folder: string, environment: Environment): Promise<string> {
  const args = ['-C', folder, ...TAR, '--format=posix', TIMES, '-b', '1', '--warning=no-file-changed', '-cf', '-', '.'];
  const child = startChild('tar', args, { environment });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  const { exitCode, startError, stderrTail } = await child.ended;
  // Exit code 1 means "file changed as we read it": somebody wrote into the folder, but its header is complete.
  if (exitCode !== 0 && exitCode !== 1)
    throw toolError('tar', `read the attributes of '${folder}'`, startError, stderrTail);
  return Buffer.concat(chunks).toString('base64');
}

/**
 * Sets the attributes of a folder to those that {@link readAttributes} returned. The owner changes only if this user may change it.
 *
 * @throws PotctlError E_TOOL_MISSING, E_TOOL_FAILED
 */
export async function applyAttributes(folder: string, attributes: string, environment: Environment): Promise<void> {
  const child = startChild('tar', ['-C', folder, ...TAR, '-xpf', '-'], {
    environment,
    stdin: 'pipe',
    stdout: 'ignore',
  });
  // A tar that dies early closes the pipe; its exit status shows why.
  child.stdin.on('error', () => {});
  child.stdin.end(Buffer.from(attributes, 'base64'));
  const { ok, startError, stderrTail } = await child.ended;
  if (!ok) throw toolError('tar', `set the attributes of '${folder}'`, startError, stderrTail);
}

/**
 * Makes everything on the file system of `folder` durable (syncfs), so that no journal refers to data that a power failure loses.
 *
 * @throws PotctlError E_IO if writing to the disk failed
 */
export async function flushFileSystem(folder: string, environment: Environment): Promise<void> {
  const { ok, startError, stderrTail } = await startChild('sync', ['-f', folder], { environment, stdout: 'ignore' })
    .ended;
  const unknownFlag = stderrTail.some((line) => /invalid option|illegal option|unrecognized|usage/i.test(line));
  if (ok || (unknownFlag && (await startChild('sync', [], { environment, stdout: 'ignore' }).ended).ok)) return;
  throw new PotctlError('E_IO', `cannot make '${folder}' durable`, { why: startError ?? stderrTail.join('; ') });
}

function toolError(tool: string, action: string, startError: string | null, stderr: readonly string[]): PotctlError {
  return startError === null
    ? new PotctlError('E_TOOL_FAILED', `${tool} could not ${action}`, { why: stderr.join('; ') })
    : new PotctlError('E_TOOL_MISSING', `'${tool}' could not be started`, { why: startError });
}
