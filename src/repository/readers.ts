import { open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { PotctlError } from '../kernel/errors.js';
import { isGone } from '../kernel/host-identity.js';
import { readContained, uniqueSuffix, writeNew } from '../storage/directory/durable.js';
import { type LeaseDeps, startHeart } from './lease.js';
import { holderText, type LockHolder, parseHolder } from './lock-file.js';
import type { Hold } from './repository.js';

const MARK_LIMIT = 64 * 1024;
const MARK = /^potctl\.reader\.(\d{8}T\d{6}Z-[0-9a-f]{6})\.[0-9a-f]{12}$/;
/** Of a reader that cannot be judged, in silences of a lock: nothing is lost by keeping its backup a little longer. */
const SILENCES = 10;

/**
 * Writes a mark that a backup is being read, and keeps it alive until it is released.
 *
 * @returns null where no mark can be written: a reader without a mark is better than no reader
 */
export async function markReader(deps: LeaseDeps, id: string, command: string): Promise<Hold | null> {
  const { clock, host, operator, times } = deps;
  const since = clock.now().toISOString();
  const holder: LockHolder = { token: uniqueSuffix(), command, runId: '', operator, since, host };
  const file = path.join(deps.root, `potctl.reader.${id}.${holder.token}`);
  try {
    await writeNew(file, holderText(holder), 0o644);
    const mark = await open(file, 'r+');
    const stopHeart = startHeart(mark, holder, times.heartbeatMs);
    const letGo = async (): Promise<void> => {
      await stopHeart();
      await mark.close();
      await rm(file, { force: true });
    };
    let released: Promise<void> | undefined;
    return {
      release() {
        // A mark that cannot be removed ends with its owner.
        released ??= letGo().catch(() => undefined);
        return released;
      },
    };
  } catch (error) {
    if (error instanceof Error && 'errno' in error) return null;
    throw error;
  }
}

/** Which backups are being read, by whom; what dead readers left does not count. */
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
  for (const { id, file } of await marksOf(deps)) if (id === null) await rm(file, { force: true });
}

/** @throws PotctlError E_LOCKED if somebody reads the backup */
export async function refuseRead(deps: LeaseDeps, id: string): Promise<void> {
  const reader = (await readMarks(deps)).get(id);
  if (reader === undefined) return;
  throw new PotctlError('E_LOCKED', `the backup '${id}' is being read`, { why: `${reader} is not done with it` });
}

interface FoundMark {
  readonly file: string;
  /** null = its reader is dead. */
  readonly id: string | null;
  readonly holder: LockHolder | null;
}

async function marksOf(deps: LeaseDeps): Promise<FoundMark[]> {
  const names = (await readdir(deps.root)).filter((name) => MARK.test(name));
  if (names.length === 0) return [];
  const nowMs = await fileSystemNow(deps.root);
  const found: FoundMark[] = [];
  for (const name of names) {
    const text = await readContained(deps.root, name, MARK_LIMIT);
    if (text === undefined) continue;
    const file = path.join(deps.root, name);
    const holder = parseHolder(text);
    const isDead = (holder !== null && (await isGone(holder.host, deps.host))) || (await isSilent(deps, file, nowMs));
    found.push({ file, holder, id: isDead ? null : MARK.exec(name)![1]! });
  }
  return found;
}

async function isSilent({ times }: LeaseDeps, file: string, nowMs: number | null): Promise<boolean> {
  const facts = await stat(file).catch(() => null);
  return facts !== null && nowMs !== null && nowMs - facts.mtimeMs > SILENCES * times.silenceMs;
}

/** By the clock that stamps the marks; null where nothing can be written: then nobody is thought dead for his silence. */
async function fileSystemNow(root: string): Promise<number | null> {
  const probe = path.join(root, `potctl.lock.${uniqueSuffix()}`);
  try {
    await writeNew(probe, '', 0o600);
    return (await stat(probe)).mtimeMs;
  } catch {
    return null;
  } finally {
    await rm(probe, { force: true }).catch(() => undefined);
  }
}
