import { lstat, mkdir, mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { PotctlError } from '../kernel/errors.js';

/**
 * A private directory for files that must not outlive the run, such as passfiles: below XDG_RUNTIME_DIR, otherwise in the temporary
 * directory of this environment, otherwise in /tmp. A directory there that another user prepared is never used.
 *
 * @throws E_UNFIT if no temporary directory is writable
 */
export async function runtimeDirectory(environment: Readonly<Record<string, string | undefined>>): Promise<string> {
  const { XDG_RUNTIME_DIR: own, TMPDIR, TMP, TEMP } = environment;
  if (own) return path.join(own, 'potctl');
  const problems: string[] = [];
  for (const parent of new Set([TMPDIR || TMP || TEMP || '/tmp', '/tmp'])) {
    try {
      return await ownBelow(parent);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  throw new PotctlError('E_UNFIT', 'no temporary directory is writable', {
    why: problems.join('\n'),
    fix: ['Set TMPDIR to a directory that exists, has free space, and is writable by you.'],
  });
}

async function ownBelow(parent: string): Promise<string> {
  const uid = process.getuid?.();
  const shared = path.join(parent, `potctl-${uid ?? 'user'}`);
  await mkdir(shared, { mode: 0o700 }).catch(() => {});
  const found = await lstat(shared).catch(() => null);
  const ours =
    found?.isDirectory() === true && (uid === undefined || (found.uid === uid && (found.mode & 0o077) === 0));
  return ours ? shared : mkdtemp(`${shared}-`);
}
