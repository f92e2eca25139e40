import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import path from 'node:path';

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';
const EPOCH_MS = Date.UTC(2020, 0, 1);

/** Ten characters, ascending with time by the second, usable in names of databases and files: `5t2m8q3f7k`. */
export function newRunId(now: Date): string {
  let seconds = Math.floor((now.getTime() - EPOCH_MS) / 1_000);
  let time = '';
  for (let at = 0; at < 6; at += 1) {
    time = DIGITS[seconds % 32]! + time;
    seconds = Math.floor(seconds / 32);
  }
  return time + [...randomBytes(4)].map((byte) => DIGITS[byte % 32]).join('');
}

/** A trace id as W3C Trace Context writes it: 32 hex digits, not all zero. */
export function newTraceId(): string {
  return randomBytes(16)
    .toString('hex')
    .replace(/^0{32}$/, `${'0'.repeat(31)}1`);
}

/** The operating system's user name, or a number if it has no name (as in some containers). */
export function userName(uid: { readonly username: string } | null = userInfoOrNull()): string {
  return uid?.username ?? `uid-${process.getuid?.() ?? 'unknown'}`;
}

/** `user@host`. */
export function operatorName(given: string | undefined): string {
  return given ?? `${userName()}@${hostname()}`;
}

/**
 * The user's home directory: HOME, otherwise what the system knows. An empty or relative HOME is ignored, because files below it would
 * depend on the current directory. If there is none (a container with an unknown uid), the result is a directory that does not exist.
 */
export function homeOf(environment: Readonly<Record<string, string | undefined>>): string {
  const known = [environment['HOME'], userInfoOrNull()?.homedir];
  return known.find((home) => home !== undefined && path.isAbsolute(home)) ?? '/nonexistent';
}

function userInfoOrNull(): { readonly username: string; readonly homedir: string } | null {
  try {
    return userInfo();
  } catch {
    return null;
  }
}
