import { lstat, mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * A directory of our own for what must not outlive the run, such as passfiles: below XDG_RUNTIME_DIR, else in the temporary
 * directory. One there that somebody else prepared for us is never used.
 */
export async function runtimeDirectory(own: string | undefined): Promise<string> {
  if (own) return path.join(own, 'potctl');
  const uid = process.getuid?.();
  const shared = path.join(tmpdir(), `potctl-${uid ?? 'user'}`);
  await mkdir(shared, { mode: 0o700 }).catch(() => {});
  const found = await lstat(shared).catch(() => null);
  const ours =
    found?.isDirectory() === true && (uid === undefined || (found.uid === uid && (found.mode & 0o077) === 0));
  return ours ? shared : mkdtemp(`${shared}-`);
}
