import { readFile } from 'node:fs/promises';
import { PotctlError } from '../../kernel/errors.js';

/** A user of the operating system. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Returns the user to run a PostgreSQL server as if this process is root, which PostgreSQL refuses: `postgres` if it exists, else `nobody`.
 * undefined = this process is not root, so the server runs as the same user.
 *
 * @throws PotctlError E_UNFIT if neither exists
 */
export async function serverUser(): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find(([user]) => user === name) ?? [];
    if (Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new PotctlError('E_UNFIT', 'no user was found to run PostgreSQL as', {
    why: 'PostgreSQL refuses to run as root, and /etc/passwd has neither "postgres" nor "nobody"',
    fix: ['Run the command as a user other than root.'],
  });
}
