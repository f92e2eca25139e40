import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { compareTree } from '../archive/compare.js';
import { extractArchive } from '../archive/extract.js';
import { extractImported } from '../archive/imported/extract.js';
import type { FilesPart } from '../catalog/manifest.js';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import { prepareStaging } from '../runs/tree/tree.js';
import { createLosses } from './losses.js';
import type { PlannedFiles } from './plan/plan.js';
import type { RunningRestore } from './running.js';

const SHOWN_PROBLEMS = 8;

/** The result of staging the files. */
export interface StagedFiles {
  readonly files: number;
  readonly lost: readonly string[];
}

/**
 * Unpacks the files into a staging folder inside the live root, and compares the result on disk with the file list of the backup.
 *
 * @returns the number of files, and what they lack besides their content
 * @throws E_FILES_CHECK with the differences, E_BACKUP_CORRUPT, E_FILES_DENIED, E_NO_SPACE, E_REFUSED
 */
export async function stageFiles(
  running: RunningRestore,
  planned: PlannedFiles,
  part: FilesPart,
): Promise<StagedFiles> {
  const { deps, phases, prepared } = running;
  const { signal, progress, childEnvironment: environment } = deps;
  const into = await prepareFolder(running, planned);
  const losses = createLosses();
  const { attribute: lostAttribute, owner: otherOwner } = losses;
  const request = { folder: prepared.folder, part, environment, signal, progress, into, lostAttribute };
  await phases.run(
    'files',
    () => (part.engine === 'tar' ? extractImported(request) : extractArchive(request)),
    () => ({ files: part.files, bytes: part.bytes }),
  );
  const problems = await phases.run('files check', () => compareTree({ ...request, root: into, otherOwner }));
  if (problems.length > 0) throw checkFailed(problems);
  return { files: part.files, lost: losses.warnings() };
}

async function prepareFolder(
  { deps, request, journal }: RunningRestore,
  { root, stagedAt }: PlannedFiles,
): Promise<string> {
  const { repository } = deps;
  if (stagedAt === null) {
    const forbidden = path.isAbsolute(repository.url) ? { forbidden: repository.url } : {};
    return prepareStaging({ root, run: journal.record.run_id, ...forbidden });
  }
  try {
    await mkdir(path.dirname(stagedAt), { recursive: true });
    await mkdir(stagedAt, { mode: 0o700 });
    return stagedAt;
  } catch (error) {
    throw fromErrno(error, `prepare "${request.intoFiles}"`);
  }
}

function checkFailed(problems: readonly string[]): PotctlError {
  const more = problems.length > SHOWN_PROBLEMS ? [`and ${problems.length - SHOWN_PROBLEMS} more`] : [];
  return new PotctlError('E_FILES_CHECK', 'the restored files do not match the backup', {
    why: [...problems.slice(0, SHOWN_PROBLEMS), ...more].join('; '),
  });
}
