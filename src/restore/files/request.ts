import type { Choice } from '../../archive/choose.js';
import type { ListTotals } from '../../archive/list.js';
import { fromHere } from '../../config/paths.js';
import type { Settings } from '../../config/settings.js';
import type { Host } from '../../host/host.js';
import type { Clock } from '../../kernel/clock.js';
import { PotctlError } from '../../kernel/errors.js';
import type { HostIdentity } from '../../kernel/host-identity.js';
import { advice, again } from '../../kernel/next.js';
import type { Progress } from '../../kernel/progress.js';
import type { Repository } from '../../repository/repository.js';

/** What happens to existing files. `if-newer`: replaced if the backup's file has a later mtime. */
export type Overwrite = 'never' | 'if-newer' | 'always';

/** Which files to restore, and where. */
export interface FilesRequest extends Choice {
  readonly runId: string;
  /** Absolute path of the target directory. */
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
  /** This process: others may remove what it staged once it has ended. */
  readonly owner: HostIdentity;
}

/** Why something was not restored. `other-kind`: the target has a directory where the backup has a file, or vice versa. */
export type LeftReason = 'exists' | 'not-newer' | 'other-kind' | 'mount-point' | 'repository' | 'denied';

/** Something that was skipped. */
export interface Left {
  readonly path?: string;
  /** base64 of the bytes, if they are not UTF-8. */
  readonly path_b64?: string;
  readonly reason: LeftReason;
}

/** The actual or expected result. Directories are counted separately: all other numbers are files, links and pipes. */
export interface Outcome {
  readonly restored: number;
  readonly overwritten: number;
  readonly skipped: number;
  /** Directories that were created. */
  readonly directories: number;
  /** The first 1,000 skipped entries. */
  readonly left: readonly Left[];
  readonly leftTotal: number;
  /** Whether an obstacle other than an existing file was in the way. */
  readonly obstructed: boolean;
}

/** The result of a restore of single files. */
export interface FilesRestored extends Outcome {
  readonly runId: string;
  /** `planned`: a dry run, nothing was changed. */
  readonly state: 'done' | 'planned';
  readonly backup: string;
  readonly directory: string;
  readonly matched: ListTotals;
  /** Where replaced files are kept; null = none were replaced. */
  readonly keptIn: string | null;
  /** What the files lack besides their content: owners and attributes that this user cannot set. */
  readonly lost: readonly string[];
  readonly warnings: readonly string[];
}

/** The options of a restore of single files. */
export interface FilesOptions {
  /** An id, a unique part of it, `latest`, `latest~1`. */
  readonly id: string;
  readonly fromSet?: string | undefined;
  /** Globs relative to the files directory. */
  readonly path: readonly string[];
  /** The target directory; may be relative. */
  readonly to: string | undefined;
  /** Default `never`. */
  readonly overwrite?: Overwrite;
}

/**
 * Builds the request from settings and options. Pure.
 *
 * @throws E_USAGE if path or directory is missing
 */
export function filesRequest(
  { profile, connection, files }: Settings,
  { id, fromSet, path: globs, to, overwrite = 'never' }: FilesOptions,
  { who, settings: from }: Pick<Host, 'who' | 'settings'>,
): FilesRequest {
  if (globs.length === 0) {
    throw new PotctlError('E_USAGE', "'--path' is required: which files should be restored?", {
      fix: [
        advice`One directory: \`--path uploads\`; by pattern: \`--path 'uploads/**/*.stl'\`; all: ${again('--path', '**')}.`,
      ],
    });
  }
  if (to === undefined) throw new PotctlError('E_USAGE', "'--to' is required: into which directory?");
  const at = { profile: profile.name, database: connection.database, filesPath: files?.path ?? null };
  const directory = fromHere(to, from);
  return { runId: who.runId, reference: id, fromSet: fromSet ?? null, at, globs, to: directory, overwrite };
}
