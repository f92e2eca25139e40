import { randomBytes } from 'node:crypto';
import { PotctlError } from '../kernel/errors.js';
import { isGone } from '../kernel/host-identity.js';
import { isFailure } from '../storage/failures.js';
import { LOCK } from './format.js';
import { type LeaseDeps, startHeart } from './lease.js';
import { holderText, type LockHolder, parseHolder } from './lock.js';
import type { Hold } from './repository.js';

const MARK_LIMIT = 64 * 1024;
/** A mark, or one that its reader was about to claim. */
const MARK = /^potctl\.reader\.(\d{8}T\d{6}Z-[0-9a-f]{6})\.[0-9a-f]{12}(?:\.[0-9a-f]{12})?$/;
/** After this many silences of a lock, the mark of an unknown reader is ignored: keeping its backup a little longer loses nothing. */
const SILENCES = 10;

/**
 * Writes a mark that a backup is being read, and keeps it alive until it is released.
 *
 * @returns null if no mark can be written: reading without a mark is better than not reading
 */
export async function markReader(deps: LeaseDeps, id: string, command: string): Promise<Hold | null> {
  const { storage, clock, host, operator, times } = deps;
  const since = clock.now().toISOString();
  const holder: LockHolder = { token: randomBytes(6).toString('hex'), command, runId: '', operator, since, host };
  const key = `potctl.reader.${id}.${holder.token}`;
  try {
    const mark = await storage.claims.claim(key, holderText(holder));
    if (mark === null) return null;
    const stopHeart = startHeart(mark, holder, times.heartbeatMs);
    const end = async (): Promise<void> => {
      await stopHeart();
      await mark.close();
      await storage.remove(key);
    };
    let released: Promise<void> | undefined;
    return {
      release() {
        // A mark that cannot be removed becomes invalid when its owner ends.
        released ??= end().catch(() => undefined);
        return released;
      },
    };
  } catch (error) {
    if (isFailure(error)) return null;
    throw error;
  }
}

/** Returns which backups are being read, by whom; marks of dead readers are ignored. */
export async function readMarks(deps: LeaseDeps): Promise<ReadonlyMap<string, string>> {
  const living = new Map<string, string>();
  for (const { id, holder } of await marksOf(deps)) {
    if (id === null) continue;
    living.set(id, holder === null ? 'somebody' : `${holder.command} by ${holder.operator}`);
  }
  return living;
}

/** Removes the marks of dead readers. */
export async function sweepMarks(deps: LeaseDeps): Promise<void> {
  for (const { id, key } of await marksOf(deps)) if (id === null) await deps.storage.remove(key);
}

/** Refuses a backup that is being read. @throws PotctlError E_LOCKED */
export async function refuseRead(deps: LeaseDeps, id: string): Promise<void> {
  const reader = (await readMarks(deps)).get(id);
  if (reader === undefined) return;
  throw new PotctlError('E_LOCKED', `the backup '${id}' is being read`, { why: `in use by ${reader}` });
}

interface FoundMark {
  readonly key: string;
  /** null = its reader is dead. */
  readonly id: string | null;
  readonly holder: LockHolder | null;
}

async function marksOf(deps: LeaseDeps): Promise<FoundMark[]> {
  const { storage } = deps;
  const keys = (await storage.list('')).filter((name) => MARK.test(name));
  if (keys.length === 0) return [];
  // If nothing can be written, no reader is considered dead because of silence.
  const nowMs = await storage.now(LOCK).catch(() => null);
  const found: FoundMark[] = [];
  for (const key of keys) {
    const text = (await storage.get(key, { limit: MARK_LIMIT }))?.toString('utf8');
    if (text === undefined) continue;
    const holder = parseHolder(text);
    const isDead = (holder !== null && (await isGone(holder.host, deps.host))) || (await isSilent(deps, key, nowMs));
    found.push({ key, holder, id: isDead ? null : MARK.exec(key)![1]! });
  }
  return found;
}

async function isSilent({ storage, times }: LeaseDeps, key: string, nowMs: number | null): Promise<boolean> {
  const facts = await storage.stat(key).catch(() => null);
  return facts !== null && nowMs !== null && nowMs - facts.modifiedMs > SILENCES * times.silenceMs;
}
