import type { Choice } from '../../archive/choose.js';
import type { ListTotals } from '../../archive/list.js';
import { fromHere } from '../../config/paths.js';
import type { Settings } from '../../config/settings.js';
import type { Host } from '../../host/host.js';
import type { Clock } from '../../kernel/clock.js';
import { PotctlError } from '../../kernel/errors.js';
import type { HostIdentity } from '../../kernel/host-identity.js';
import type { Progress } from '../../kernel/progress.js';
import type { Repository } from '../../repository/repository.js';

/** What becomes of files that are there already. `if-newer`: replaced where the backup's has the later time. */
export type Overwrite = 'never' | 'if-newer' | 'always';

/** Which files come back, and where. */
export interface FilesRequest extends Choice {
  readonly runId: string;
  /** Absolute path of the directory that they come into. */
  readonly to: string;
  readonly overwrite: Overwrite;
}

/** What the restore of single files works with. */
export interface FilesDeps {
  readonly repository: Repository;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** This process: what it has staged may be removed by others once it is gone. */
  readonly owner: HostIdentity;
}

/** Why something was not restored. `other-kind`: a directory stands where the backup has a file, or the other way round. */
export type LeftReason = 'exists' | 'not-newer' | 'other-kind' | 'mount-point' | 'repository' | 'denied';

/** Something that was left as it is. */
export interface Left {
  readonly path?: string;
  /** base64 of the bytes, where they are not UTF-8. */
  readonly path_b64?: string;
  readonly reason: LeftReason;
}

/** What came of it, or would. Directories are counted apart: all other numbers are about files, links and pipes. */
export interface Outcome {
  readonly restored: number;
  readonly overwritten: number;
  readonly skipped: number;
  /** Directories that were made. */
  readonly directories: number;
  /** The first 1,000 of what was left. */
  readonly left: readonly Left[];
  readonly leftTotal: number;
  /** Did something stand in the way that is no file to be left or replaced? */
  readonly obstructed: boolean;
}

/** What a restore of single files came to. */
export interface FilesRestored extends Outcome {
  readonly runId: string;
  /** `planned`: a dry run, nothing was changed. */
  readonly state: 'done' | 'planned';
  readonly backup: string;
  readonly directory: string;
  readonly matched: ListTotals;
  /** Where the files that were replaced are kept; null = none was. */
  readonly keptIn: string | null;
  /** What the files lack besides their content: owners and attributes that this user cannot set. */
  readonly lost: readonly string[];
  readonly warnings: readonly string[];
}

/** What a person may say about it. */
export interface FilesOptions {
  /** An id, a unique part of it, `latest`, `latest~1`. */
  readonly id: string;
  readonly fromSet?: string | undefined;
  /** Globs, relative to the tree. */
  readonly path: readonly string[];
  /** The directory that they come into; may be relative. */
  readonly to: string | undefined;
  /** Default `never`. */
  readonly overwrite?: Overwrite;
}

/**
 * Makes the request from settings and options. Pure.
 *
 * @throws E_USAGE where path or directory are missing
 */
export function filesRequest(
  { profile, connection, files }: Settings,
  { id, fromSet, path: globs, to, overwrite = 'never' }: FilesOptions,
  { who, settings: from }: Pick<Host, 'who' | 'settings'>,
): FilesRequest {
  if (globs.length === 0) {
    throw new PotctlError('E_USAGE', "'--path' is missing: which files shall come back?", {
      fix: ["One directory: `--path uploads`; by pattern: `--path 'uploads/**/*.stl'`; all: `--path '**'`."],
    });
  }
  if (to === undefined) throw new PotctlError('E_USAGE', "'--to' is missing: into which directory?");
  const at = { profile: profile.name, database: connection.database, filesPath: files?.path ?? null };
  const directory = fromHere(to, from);
  return { runId: who.runId, reference: id, fromSet: fromSet ?? null, at, globs, to: directory, overwrite };
}
