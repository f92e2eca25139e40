import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { markName, markText } from '../../archive/restore-folders.js';
import { fromErrno, isErrno, PotctlError } from '../../kernel/errors.js';
import { type HostIdentity, isGone } from '../../kernel/host-identity.js';
import { foldersOf, runOfStaging } from '../../runs/tree/names.js';
import { removeTree } from '../../storage/remove-tree.js';

const OWNER = 'owner.json';
const TREE = 'files';

/** A folder inside the target, on its file system and excluded from backups, that holds files until all of them are verified. */
export interface Staging {
  /** The empty folder for the files. */
  readonly tree: string;
  remove(): Promise<void>;
}

/**
 * Creates the folder, with a file that names its owner.
 *
 * @throws E_FILES_DENIED, E_NO_SPACE, E_IO
 */
export function openStaging(directory: string, runId: string, owner: HostIdentity): Staging {
  const folder = path.join(directory, foldersOf(runId).staging);
  try {
    writeFileSync(path.join(directory, markName(runId)), markText(runId, false));
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(path.join(folder, OWNER), JSON.stringify(owner));
    mkdirSync(path.join(folder, TREE), { mode: 0o700 });
  } catch (error) {
    rmSync(path.join(directory, markName(runId)), { force: true });
    throw fromErrno(error, `write into "${directory}"`);
  }
  return { tree: path.join(folder, TREE), remove: () => removeStaging(directory, runId) };
}

/** The mark of the run stays as long as the run keeps replaced files. */
async function removeStaging(directory: string, run: string): Promise<void> {
  const { staging, before } = foldersOf(run);
  await removeTree(path.join(directory, staging));
  if (!existsSync(path.join(directory, before))) rmSync(path.join(directory, markName(run)), { force: true });
}

/**
 * Removes what killed restores of single files staged in a directory. Skips what may have a living owner.
 *
 * @returns why something could not be removed
 */
export async function sweepStagings(directory: string, ours: HostIdentity): Promise<string[]> {
  const stuck: string[] = [];
  for (const name of namesIn(directory)) {
    const run = runOfStaging(name);
    const owner = run === undefined ? undefined : ownerOf(path.join(directory, name, OWNER));
    if (run === undefined || owner === undefined || !(await isGone(owner, ours))) continue;
    await removeStaging(directory, run).catch((error: unknown) => {
      if (!(error instanceof PotctlError)) throw error;
      stuck.push(error.message);
    });
  }
  return stuck;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw fromErrno(error, `read the directory "${directory}"`);
  }
}

/** The staging folder of a whole restore has no such file: it has a record in the repository instead. */
function ownerOf(file: string): HostIdentity | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<HostIdentity>;
    return typeof value.pid === 'number' && typeof value.hostname === 'string' ? (value as HostIdentity) : undefined;
  } catch {
    return undefined;
  }
}
