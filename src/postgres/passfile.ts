import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { pid } from 'node:process';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import type { Secret } from '../kernel/secret.js';

/** A file of libpq's .pgpass format that lives as long as its server object. */
export interface Passfile {
  /** Its path; written when it is not there. Never rejects for a second caller what it did for the first. */
  path(password: Secret): Promise<string>;
  remove(): Promise<void>;
}

const PREFIX = 'pgpass-';
/** The repository has nothing to do with it. */
const ROOM_ELSEWHERE =
  'Free some space there, or set TMPDIR (XDG_RUNTIME_DIR, where that is set) to a directory that has room.';
const STALE_MS = 600_000;

/**
 * Keeps a password for the PostgreSQL tools in a 0600 file below `directory` (created 0700), never in argv or environment. Files that
 * dead processes left there are removed at the first use.
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
      // A fresh time says that it is in use: see sweep.
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
    const told = fromErrno(error, `write a passfile in '${directory}'`);
    throw told instanceof PotctlError && told.code === 'E_NO_SPACE' ? told.with({ fix: [ROOM_ELSEWHERE] }) : told;
  }
}

/** Any host and database: only our own children get to see the file, and they connect to our server alone. */
function passfileLine(password: string): string {
  if (/[\n\r\0]/.test(password)) {
    throw new PotctlError('E_CONFIG', 'the password contains a line break, which no passfile can hold', {
      fix: ['Check the password source: it may end with a second line.'],
    });
  }
  return `*:*:*:*:${password.replaceAll('\\', '\\\\').replaceAll(':', '\\:')}\n`;
}

/**
 * Removes passfiles of processes that are gone. In another container a pid looks gone though it lives; then the file was touched lately,
 * and its owner would write it anew.
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

/** When the process started, in clock ticks since boot: with it a pid is unique. `unknown` where /proc does not say. */
async function startOf(process: number): Promise<string> {
  const line = await readFile(`/proc/${process}/stat`, 'latin1').catch(() => '');
  // The second field is the program's name in parentheses and may hold blanks.
  return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown';
}
