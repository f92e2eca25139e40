import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { kill } from 'node:process';
import { isErrno } from './errors.js';

/**
 * Which process this is, so that others can tell later whether it still runs. null where the system does not say: then nobody can
 * prove it dead, and its silence decides.
 */
export interface HostIdentity {
  readonly hostname: string;
  /** Changes with every start of the machine; two machines never share it. */
  readonly bootId: string | null;
  /** null also when /proc shows another namespace's numbers than our own. */
  readonly pidNamespace: string | null;
  readonly pid: number;
  /** In clock ticks since the boot (field 22 of /proc/<pid>/stat): a number that is used again has another one. */
  readonly startTime: string | null;
}

/** The identity of the running process with that number. Reads /proc; elsewhere than on Linux only host name and pid are known. */
export async function readHostIdentity(pid: number): Promise<HostIdentity> {
  const seenAs = await optional(readlink('/proc/self'));
  const procIsOurs = seenAs === String(pid);
  return {
    hostname: hostname(),
    bootId: (await optional(readFile('/proc/sys/kernel/random/boot_id', 'utf8')))?.trim() ?? null,
    pidNamespace: procIsOurs ? await optional(readlink('/proc/self/ns/pid')) : null,
    pid,
    startTime: procIsOurs ? ((await readProcess('self'))?.startTime ?? null) : null,
  };
}

/**
 * Is it certain that `owner` runs no more? Only a process of our own host, boot and pid namespace can be judged; `false` means alive
 * or unknown.
 */
export async function isGone(owner: HostIdentity, ours: HostIdentity): Promise<boolean> {
  if (!shareNumbers(owner, ours)) return false;
  // The signal asks first: with hidepid a living process of another user has no /proc entry.
  if (!exists(owner.pid)) return true;
  const found = await readProcess(String(owner.pid));
  if (found === null || owner.startTime === null) return false;
  return found.startTime !== owner.startTime || found.isZombie;
}

function shareNumbers(a: HostIdentity, b: HostIdentity): boolean {
  const known = a.bootId !== null && a.pidNamespace !== null;
  return known && a.hostname === b.hostname && a.bootId === b.bootId && a.pidNamespace === b.pidNamespace;
}

function exists(pid: number): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch (error) {
    return !isErrno(error, 'ESRCH');
  }
}

/** The name in parentheses may hold blanks and parentheses: fields are counted from the last one. */
async function readProcess(pid: string): Promise<{ startTime: string; isZombie: boolean } | null> {
  const text = await optional(readFile(`/proc/${pid}/stat`, 'utf8'));
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields?.[0], fields?.[19]];
  return state === undefined || startTime === undefined ? null : { startTime, isZombie: /^[ZXx]$/.test(state) };
}

async function optional<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch {
    return null;
  }
}
