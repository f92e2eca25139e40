import { Buffer } from 'node:buffer';
import { startChild } from '../../kernel/child.js';
import { PotctlError } from '../../kernel/errors.js';

type Environment = Readonly<Record<string, string>>;

const TAR = ['--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner', '--no-recursion'];

/** Access and change times are not attributes that anybody restores. */
const TIMES = '--pax-option=delete=atime,delete=ctime';

/**
 * A folder's own mode, owner, mtime (ns), ACL and extended attributes, as the base64 of a one-member tar: Node reads neither extended
 * attributes nor writes nanoseconds, GNU tar does both.
 *
 * @throws PotctlError E_TOOL_MISSING, E_TOOL_FAILED
 */
export async function readAttributes(folder: string, environment: Environment): Promise<string> {
  const args = ['-C', folder, ...TAR, '--format=posix', TIMES, '-b', '1', '--warning=no-file-changed', '-cf', '-', '.'];
  const child = startChild('tar', args, { environment });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  const { exitCode, startError, stderrTail } = await child.ended;
  // 1 is "changed while it was read": somebody wrote into the folder, its header is there.
  if (exitCode !== 0 && exitCode !== 1)
    throw toolError('tar', `read the attributes of '${folder}'`, startError, stderrTail);
  return Buffer.concat(chunks).toString('base64');
}

/**
 * Gives a folder the attributes that {@link readAttributes} took. The owner changes only where this user may change it.
 *
 * @throws PotctlError E_TOOL_MISSING, E_TOOL_FAILED
 */
export async function applyAttributes(folder: string, attributes: string, environment: Environment): Promise<void> {
  const child = startChild('tar', ['-C', folder, ...TAR, '-xpf', '-'], {
    environment,
    stdin: 'pipe',
    stdout: 'ignore',
  });
  // A tar that dies early closes the pipe; its exit status tells.
  child.stdin.on('error', () => {});
  child.stdin.end(Buffer.from(attributes, 'base64'));
  const { ok, startError, stderrTail } = await child.ended;
  if (!ok) throw toolError('tar', `set the attributes of '${folder}'`, startError, stderrTail);
}

/**
 * Makes everything on the file system of `folder` durable (syncfs), so that no journal speaks of bytes that a power cut takes back.
 *
 * @throws PotctlError E_IO if the disk could not take it
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
    : new PotctlError('E_TOOL_MISSING', `'${tool}' cannot be started`, { why: startError });
}
