import { type BigIntStats, lstatSync } from 'node:fs';
import type { BytePath } from '../../archive/byte-path.js';
import type { Chosen } from '../../archive/choose.js';
import { pathOf } from '../../archive/listed-file.js';
import { listMembers } from '../../archive/pick.js';
import { createYielder } from '../../archive/yield-often.js';
import { isErrno } from '../../kernel/errors.js';
import { at, ownName } from '../../runs/tree/names.js';
import { createTally, decide } from './decide.js';
import type { FilesRequest, LeftReason, Outcome } from './request.js';
import type { Target } from './target.js';

/** What a restore of these files would do to the target in its current state. Changes nothing. */
export async function previewFiles(
  { folder, part }: Chosen,
  { globs, overwrite }: FilesRequest,
  target: Target,
  signal: AbortSignal,
): Promise<Outcome> {
  const tally = createTally();
  const lookFrom = createLook(target);
  const yieldIfDue = createYielder(signal);
  for await (const file of listMembers(folder, part, globs, signal)) {
    const path = pathOf(file);
    const directory = file.type === 'directory';
    const found = lookFrom(path);
    const decision =
      typeof found === 'string'
        ? found
        : decide(found, { directory, mtimeNs: BigInt(file.mtime_ns) }, overwrite, lookFrom.device);
    if (decision === 'place') directory ? tally.directories(1) : tally.restored(1);
    else if (decision === 'replace') tally.overwritten();
    else if (decision !== 'enter') tally.left(path, decision, directory ? 0 : 1);
    await yieldIfDue();
  }
  return tally.all();
}

/** Stats entries below the target, never through a link: an obstacle above an entry is the result for the entry. */
function createLook({ directory, exists, repository }: Target) {
  const device = exists ? lstatSync(directory, { bigint: true }).dev : 0n;
  const lookAt = (path: BytePath): BigIntStats | null => {
    try {
      return exists ? lstatSync(at(directory, ownName(path)), { bigint: true }) : null;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
      throw error;
    }
  };
  const obstacleAt = (path: BytePath): LeftReason | null => {
    const found = lookAt(path);
    if (found === null) return null;
    if (!found.isDirectory()) return 'other-kind';
    if (repository !== null && found.dev === repository.dev && found.ino === repository.ino) return 'repository';
    return found.dev === device ? null : 'mount-point';
  };
  let last: { readonly above: BytePath; readonly obstacle: LeftReason | null } = { above: '', obstacle: null };
  const look = (path: BytePath): BigIntStats | null | LeftReason => {
    const segments = path.split('/').slice(0, -1);
    const above = segments.join('/');
    if (above !== last.above) {
      const folders = segments.map((_, index) => segments.slice(0, index + 1).join('/'));
      const obstacles = folders.map(obstacleAt);
      last = { above, obstacle: obstacles.find((obstacle) => obstacle !== null) ?? null };
    }
    return last.obstacle ?? lookAt(path);
  };
  return Object.assign(look, { device });
}
