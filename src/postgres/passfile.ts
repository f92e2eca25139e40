import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { pid } from 'node:process';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import type { Secret } from '../kernel/secret.js';

/** A file in libpq's .pgpass format that exists as long as its server object. */
export interface Passfile {
  /** Returns its path; writes the file if it does not exist. A failure of one call does not affect the next one. */
  path(password: Secret): Promise<string>;
  remove(): Promise<void>;
}

const PREFIX = 'pgpass-';
/** The repository is not involved. */
const ROOM_ELSEWHERE =
  'Free some space there, or set TMPDIR (XDG_RUNTIME_DIR, if that is set) to a directory with free space.';
const STALE_MS = 600_000;

/**
 * Stores a password for the PostgreSQL tools in a 0600 file below `directory` (created with mode 0700), never in argv or environment. The
 * first use removes files that dead processes left there.
 */
export function openPassfile(directory: string): Passfile {
  let file: Promise<string> | undefined;
  return {
    async path(password) {
      file ??= create(directory, password);
      const written = await file.catch((error: unknown) => {
        file = undefined;
        throw error;
      });
      // A recent timestamp shows that it is in use: see sweep.
      const now = Date.now() / 1_000;
      const there = await utimes(written, now, now).then(
        () => true,
        () => false,
      );
      if (there) return written;
      file = create(directory, password);
      return file;
    },
    async remove() {
      const written = await file?.catch(() => undefined);
      file = undefined;
      if (written !== undefined) await rm(written, { force: true });
    },
  };
}

async function create(directory: string, password: Secret): Promise<string> {
  const line = passfileLine(password.reveal());
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await sweep(directory);
    const file = path.join(directory, `${PREFIX}${pid}-${await startOf(pid)}-${randomBytes(6).toString('hex')}`);
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(line);
    } finally {
      await handle.close();
    }
    return file;
  } catch (error) {
    const failure = fromErrno(error, `write a passfile in '${directory}'`);
    throw failure instanceof PotctlError && failure.code === 'E_NO_SPACE'
      ? failure.with({ fix: [ROOM_ELSEWHERE] })
      : failure;
  }
}

/** Matches any host and database: only our own children see the file, and they connect only to our server. */
function passfileLine(password: string): string {
  if (/[\n\r\0]/.test(password)) {
    throw new PotctlError('E_CONFIG', 'the password contains a line break, which a passfile cannot hold', {
      fix: ['Check the password source: it may have a second line.'],
    });
  }
  return `*:*:*:*:${password.replaceAll('\\', '\\\\').replaceAll(':', '\\:')}\n`;
}

/**
 * Removes passfiles of processes that have ended. A process in another container looks dead although it lives; then its file was touched
 * recently, and otherwise its owner writes it again.
 */
async function sweep(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const match = /^pgpass-(\d+)-(\w+)-[0-9a-f]{12}$/.exec(name);
    if (!match || (await startOf(Number(match[1]))) === match[2]) continue;
    const file = path.join(directory, name);
    const age = await stat(file).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > STALE_MS) await rm(file, { force: true });
  }
}

/** Start time of the process in clock ticks since boot, which makes a pid unique. `unknown` if /proc does not show it. */
async function startOf(process: number): Promise<string> {
  const line = await readFile(`/proc/${process}/stat`, 'latin1').catch(() => '');
  // The second field is the program's name in parentheses and may contain spaces.
  return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown';
}
