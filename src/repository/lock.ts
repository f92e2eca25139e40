import type { HostIdentity } from '../kernel/host-identity.js';
import type { Claim, Storage } from '../storage/storage.js';
import { LOCK } from './format.js';

const LOCK_LIMIT = 64 * 1024;
const COUNTER_DIGITS = 12;

/** The holder of a lock, written in its first line. */
export interface LockHolder {
  /** Unique. */
  readonly token: string;
  readonly command: string;
  readonly runId: string;
  /** `user@host` */
  readonly operator: string;
  /** RFC 3339 UTC by the holder's clock; only for messages. */
  readonly since: string;
  readonly host: HostIdentity;
}

/** A lock as found in the storage. Its text changes with every heartbeat. */
export interface SeenLock {
  readonly text: string;
  /** null if its first line cannot be read. */
  readonly holder: LockHolder | null;
}

/** Reads the lock; null if there is none. */
export async function readLock(storage: Storage): Promise<SeenLock | null> {
  const text = (await storage.get(LOCK, { limit: LOCK_LIMIT }))?.toString('utf8');
  return text === undefined ? null : { text, holder: parseHolder(text) };
}

/** Tries to take the lock. @returns null if it is taken */
export function claimLock(storage: Storage, holder: LockHolder): Promise<Claim | null> {
  return storage.claims.claim(LOCK, holderText(holder));
}

/** Removes the lock if `isJudged` accepts it and nobody else removed it. */
export function removeLock(storage: Storage, isJudged: (lock: SeenLock) => boolean): Promise<boolean> {
  return storage.claims.removeIf(LOCK, (text) => isJudged({ text, holder: parseHolder(text) }));
}

/** Returns the milliseconds since the last heartbeat, by the clock of the storage: clocks of hosts are not compared. */
export async function lockAgeMs(storage: Storage): Promise<number> {
  const now = await storage.now(LOCK);
  const facts = await storage.stat(LOCK);
  return facts === null ? 0 : Math.max(0, now - facts.modifiedMs);
}

/** Returns the text of a lock or a mark; its second line is a counter that increases while the holder is alive. */
export function holderText(holder: LockHolder, count = 0): string {
  return `${JSON.stringify(holder)}\n${String(count).padStart(COUNTER_DIGITS, '0')}\n`;
}

/** Parses the holder in the first line of a lock; null if it cannot be read. */
export function parseHolder(text: string): LockHolder | null {
  try {
    const value = JSON.parse(text.slice(0, text.indexOf('\n'))) as Partial<LockHolder> | null;
    const texts = [value?.token, value?.command, value?.runId, value?.operator, value?.since, value?.host?.hostname];
    const isWhole = texts.every((item) => typeof item === 'string') && Number.isSafeInteger(value?.host?.pid);
    return isWhole && Number(value?.host?.pid) > 0 ? (value as LockHolder) : null;
  } catch {
    return null;
  }
}
