import { type Choice, chooseFiles } from '../archive/choose.js';
import type { ListedFile } from '../archive/engine.js';
import { listMembers } from '../archive/pick.js';
import type { Clock } from '../kernel/clock.js';
import type { Repository } from '../repository/repository.js';

/** One file, directory or link of a backup, in the shape of the JSON output. */
export interface ShownFile {
  readonly path: string | null;
  /** base64 of the bytes if they are not UTF-8. */
  readonly path_b64: string | null;
  readonly type: ListedFile['type'];
  readonly size: number;
  /** Octal permission bits. */
  readonly mode: string;
  /** RFC 3339 UTC. */
  readonly mtime: string;
  readonly uid: number;
  readonly gid: number;
  readonly sha256: string | null;
  readonly target: string | null;
}

/** The members of a backup that match the globs. */
export interface ShownFiles {
  readonly backup: string;
  readonly total: number;
  /** In the order of the archive; read from disk on demand. */
  readonly items: AsyncIterable<ShownFile>;
  readonly warnings: readonly string[];
}

/** Lists the files of a backup that match the globs. @throws as chooseFiles */
export async function showFiles(
  deps: { readonly repository: Repository; readonly signal: AbortSignal; readonly clock: Clock },
  choice: Choice,
): Promise<ShownFiles> {
  const { backup, folder, part, picked, warnings } = await chooseFiles(deps, choice);
  const { files, directories, symlinks } = picked.matched;
  const items = shown(listMembers(folder, part, choice.globs, deps.signal));
  return { backup, total: files + directories + symlinks + picked.pipes, items, warnings };
}

async function* shown(members: AsyncIterable<ListedFile>): AsyncGenerator<ShownFile> {
  for await (const { path, path_b64, type, size, mode, mtime_ns, uid, gid, sha256, target } of members) {
    const mtime = new Date(Number(BigInt(mtime_ns) / 1_000_000n)).toISOString();
    const own = { path: path ?? null, path_b64: path_b64 ?? null, type, size, mode, mtime, uid, gid };
    yield { ...own, sha256: sha256 ?? null, target: target ?? null };
  }
}
