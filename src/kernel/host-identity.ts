import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { kill } from 'node:process';
import { isErrno } from './errors.js';

/**
 * Identifies a process, so that others can tell later whether it still runs. A field is null where the system does not provide it: then
 * nobody can prove that the process is dead, and only its heartbeat decides.
 */
export interface HostIdentity {
  readonly hostname: string;
  /** Changes with every boot; no two machines share it. */
  readonly bootId: string | null;
  /** Also null if /proc shows the pids of another namespace. */
  readonly pidNamespace: string | null;
  readonly pid: number;
  /** In clock ticks since the boot (field 22 of /proc/<pid>/stat): a reused pid has another start time. */
  readonly startTime: string | null;
}

/** Returns the identity of this process. Reads /proc; on systems other than Linux only host name and pid are known. */
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
 * Whether `owner` has certainly ended. Only a process on our host, in our boot and our pid namespace can be judged; `false` means alive
 * or unknown.
 */
export async function isGone(owner: HostIdentity, ours: HostIdentity): Promise<boolean> {
  if (!shareNumbers(owner, ours)) return false;
  // The signal comes first: with hidepid, a live process of another user has no /proc entry.
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

/** The name in parentheses may contain spaces and parentheses, so fields are counted from the last one. */
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
