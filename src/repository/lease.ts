import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../kernel/clock.js';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import { type HostIdentity, isGone } from '../kernel/host-identity.js';
import { advice, again } from '../kernel/next.js';
import type { Claim, Storage } from '../storage/storage.js';
import { claimLock, holderText, type LockHolder, lockAgeMs, readLock, removeLock, type SeenLock } from './lock.js';
import type { Lease, LockRequest } from './repository.js';

/** The times of a lease, in milliseconds. */
export interface LeaseTimes {
  readonly heartbeatMs: number;
  /** A lock whose counter has not changed for this long, by the observer's own clock, belongs to a dead owner. */
  readonly silenceMs: number;
  /** The interval for checking a lock held by somebody else. */
  readonly pollMs: number;
}

export const LEASE_TIMES: LeaseTimes = { heartbeatMs: 5_000, silenceMs: 60_000, pollMs: 500 };

export interface LeaseDeps {
  readonly storage: Storage;
  /** The name for messages. */
  readonly name: string;
  readonly clock: Clock;
  readonly host: HostIdentity;
  /** `user@host` */
  readonly operator: string;
  readonly times: LeaseTimes;
  /** Called when the lock of a dead owner was removed; null if it could not be read. */
  readonly onTakeover?: ((holder: LockHolder | null) => void) | undefined;
  /** Called when a lock is held by somebody else and waiting starts. */
  readonly onWait?: ((holder: LockHolder | null) => void) | undefined;
}

/** A lease, and the time at which it was taken by the clock of the storage, in ms since 1970. */
export interface HeldLease extends Lease {
  readonly stampedMs: number;
}

/**
 * Takes the lock of the repository and waits up to `request.waitMs`. The lock of a provably dead owner is taken over at once. A stale lock
 * (no heartbeat on disk for `silenceMs`) is watched for another `silenceMs`, even without `waitMs`.
 *
 * @throws PotctlError E_LOCKED; the signal's reason when it is aborted
 */
export async function acquireLease(deps: LeaseDeps, request: LockRequest): Promise<HeldLease> {
  try {
    return await acquire(deps, request);
  } catch (error) {
    request.signal.throwIfAborted();
    throw fromErrno(error, `lock the repository '${deps.name}'`);
  }
}

async function acquire(deps: LeaseDeps, request: LockRequest): Promise<HeldLease> {
  const { storage, clock, host, operator, times } = deps;
  const { command, runId, waitMs, signal } = request;
  const watch = new Map<string, Sighting>();
  const startedAt = clock.monotonicMs();
  for (;;) {
    signal.throwIfAborted();
    const seen = await readLock(storage);
    if (seen === null) {
      const holder = {
        token: randomBytes(6).toString('hex'),
        command,
        runId,
        operator,
        since: clock.now().toISOString(),
        host,
      };
      const lock = await claimLock(storage, holder);
      if (lock !== null) return hold(deps, lock, holder);
      continue;
    }
    const sighting = await remember(watch, seen, deps);
    if (await isDead(seen, sighting, deps)) {
      if (await removeLock(storage, ({ text }) => text === seen.text)) deps.onTakeover?.(seen.holder);
      continue;
    }
    const now = clock.monotonicMs();
    const ageMs = sighting.ageMs + now - sighting.since;
    if (now - startedAt >= waitMs && ageMs < times.silenceMs) throw lockedBy(seen.holder, ageMs, deps);
    await sleep(times.pollMs, undefined, { signal });
  }
}

/** When the text of a lock was first seen (monotonic), and its age at that time by the clock of the storage. */
interface Sighting {
  readonly since: number;
  readonly ageMs: number;
}

/** Remembers only the current text: every heartbeat changes it and restarts the silence. */
async function remember(watch: Map<string, Sighting>, { text, holder }: SeenLock, deps: LeaseDeps): Promise<Sighting> {
  const known = watch.get(text);
  if (known !== undefined) return known;
  const isFirst = watch.size === 0;
  watch.clear();
  const sighting = { since: deps.clock.monotonicMs(), ageMs: isFirst ? await lockAgeMs(deps.storage) : 0 };
  watch.set(text, sighting);
  if (isFirst) deps.onWait?.(holder);
  return sighting;
}

async function isDead({ holder }: SeenLock, { since }: Sighting, { host, clock, times }: LeaseDeps): Promise<boolean> {
  if (clock.monotonicMs() - since >= times.silenceMs) return true;
  return holder !== null && (await isGone(holder.host, host));
}

function hold(deps: LeaseDeps, lock: Claim, holder: LockHolder): HeldLease {
  const stopHeart = startHeart(lock, holder, deps.times.heartbeatMs);
  let released: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    await stopHeart();
    await lock.close();
    await removeLock(deps.storage, (seen) => seen.holder?.token === holder.token);
  };
  return {
    stampedMs: lock.stampedMs,
    assertHeld: () => assertHeld(deps, holder),
    release() {
      released ??= end();
      return released;
    },
  };
}

/**
 * Keeps the heartbeat of a lock or a mark going until the returned function is called. A failed beat looks like silence to others; the
 * holder of the lock relies on assertHeld.
 */
export function startHeart(lock: Claim, holder: LockHolder, everyMs: number): () => Promise<void> {
  let count = 0;
  let beating: Promise<void> | null = null;
  const rest = (): void => {
    beating = null;
  };
  const timer = setInterval(() => {
    if (beating !== null) return;
    count += 1;
    beating = lock.renew(holderText(holder, count)).then(rest, rest);
  }, everyMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await beating;
  };
}

/** Returns whether a run holds the lock. @see Repository.isAtWork */
export async function isAtWork(
  { storage, host }: Pick<LeaseDeps, 'storage' | 'host'>,
  runId: string,
): Promise<boolean> {
  const seen = await readLockSurely(storage);
  if (seen === null) return false;
  const { holder } = seen;
  return holder === null || (holder.runId === runId && !(await isGone(holder.host, host)));
}

const PUT_BACK_MS = 50;
const PUT_BACK_TRIES = 4;

/** Reads the lock. A missing one is read again, because another process may be putting it back after checking it. */
async function readLockSurely(storage: Storage): Promise<SeenLock | null> {
  let seen = await readLock(storage);
  for (let tries = 0; seen === null && tries < PUT_BACK_TRIES; tries += 1) {
    await sleep(PUT_BACK_MS);
    seen = await readLock(storage);
  }
  return seen;
}

async function assertHeld(deps: LeaseDeps, { token }: LockHolder): Promise<void> {
  const seen = await readLockSurely(deps.storage);
  if (seen?.holder?.token === token) return;
  throw new PotctlError('E_LOCKED', `the lock on the repository '${deps.name}' was lost`, {
    why: {
      reason: 'this process sent no heartbeat for too long, so another process took over the lock',
      ...(seen?.holder ? factsOf(seen.holder) : {}),
    },
    fix: ['Run the command again.'],
  });
}

function lockedBy(holder: LockHolder | null, ageMs: number, { name }: LeaseDeps): PotctlError {
  const doing = holder === null ? '' : `: '${holder.command}' is running`;
  return new PotctlError('E_LOCKED', `the repository '${name}' is locked${doing}`, {
    why: { ...(holder === null ? {} : factsOf(holder)), heartbeat_age_s: Math.round(ageMs / 1000) },
    fix: [advice`To wait for it, repeat the command with ${again('--wait', '30m')}`],
  });
}

function factsOf({ command, operator, host, since, runId }: LockHolder): Record<string, string | number> {
  return { command, operator, host: host.hostname, pid: host.pid, since, run: runId };
}
