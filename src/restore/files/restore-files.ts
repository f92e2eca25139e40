import { type Chosen, chooseFiles } from '../../archive/choose.js';
import { compareTree } from '../../archive/compare.js';
import { extractArchive } from '../../archive/extract.js';
import { listMembers } from '../../archive/pick.js';
import { counted, verb } from '../../kernel/counted.js';
import { fromErrno, PotctlError } from '../../kernel/errors.js';
import type { Prepared } from '../../kernel/prepared.js';
import { flushFileSystem } from '../../runs/tree/attributes.js';
import { foldersOf } from '../../runs/tree/names.js';
import { createLosses, expectedLosses, type Losses } from '../losses.js';
import { openPhases, type Phases } from '../phases.js';
import { refuseBlocked } from '../plan/assess.js';
import { filesBlockers } from '../plan/tools.js';
import { createTally, type Tally } from './decide.js';
import { openFolder } from './folder.js';
import { placeStaged } from './place.js';
import { previewFiles } from './preview.js';
import type { FilesDeps, FilesRequest, FilesRestored, Outcome } from './request.js';
import { openStaging, type Staging, sweepStagings } from './staged.js';
import { removeStrays } from './strays.js';
import { judgeTarget, makeTarget, type Target } from './target.js';

const SHOWN_PROBLEMS = 8;

/** Which files to restore, and where. */
export type FilesPlan = Pick<FilesRestored, 'backup' | 'directory' | 'matched'>;

/**
 * Restores single files of a backup into a directory. They are first unpacked into a hidden folder inside it, checked against the file list of
 * the backup and read back from disk; then each is moved into place by one rename. Nothing outside the directory is written, whatever links
 * it contains. Existing files stay, or are replaced and kept in a separate folder, according to `overwrite`.
 *
 * An error before the first file is placed changes nothing; a kill leaves a folder that the next start removes.
 *
 * @throws E_PIECE_NOT_FOUND, E_BACKUP_*, E_UNFIT, E_REFUSED, E_FILES_*, E_NO_SPACE, E_TOOL_*, E_IO
 */
export async function prepareFiles(
  deps: FilesDeps,
  request: FilesRequest,
): Promise<Prepared<FilesPlan, FilesRestored>> {
  const phases = openPhases(deps);
  const chosen = await phases.run('select', () => chooseFiles(deps, request));
  const target = await judgeTarget(request.to, deps.repository.url, chosen.picked.matched.bytes);
  refuseBlocked(filesBlockers(chosen.part, deps.childEnvironment));
  return {
    plan: { backup: chosen.backup, directory: target.directory, matched: chosen.picked.matched },
    async dryRun() {
      const outcome = await previewFiles(chosen, request, target, deps.signal);
      const { folder, part } = chosen;
      const lost = await expectedLosses(listMembers(folder, part, request.globs, deps.signal));
      return resultOf(request, chosen, target, { state: 'planned', lost, ...outcome });
    },
    async apply() {
      const hold = await deps.repository.hold(chosen.backup, 'restore files');
      const work = { deps, request, chosen, target, phases, tally: createTally(), losses: createLosses() };
      return restoreHeld(work).finally(hold.release);
    },
  };
}

async function restoreHeld(running: RunningRestore): Promise<FilesRestored> {
  const { deps, request, chosen, target, tally, losses } = running;
  const takeAway = await makeTarget(target);
  try {
    for (const text of await sweepStagings(target.directory, deps.owner)) deps.progress({ kind: 'warning', text });
    const staging = openStaging(target.directory, request.runId, deps.owner);
    await stageAndPlace(running, staging).finally(staging.remove);
    return resultOf(request, chosen, target, { state: 'done', lost: losses.warnings(), ...tally.all() });
  } catch (error) {
    await takeAway();
    throw saying(error, tally.all());
  }
}

interface RunningRestore {
  readonly deps: FilesDeps;
  readonly request: FilesRequest;
  readonly chosen: Chosen;
  readonly target: Target;
  readonly phases: Phases;
  readonly tally: Tally;
  readonly losses: Losses;
}

async function stageAndPlace(running: RunningRestore, staging: Staging): Promise<void> {
  const { deps, phases, target } = running;
  await stage(running, staging.tree);
  await phases.run('place', () => place(running, staging.tree));
  await flushFileSystem(target.directory, deps.childEnvironment);
}

/** Unpacks, and verifies the result on disk before anything is placed: afterwards damaged files could not be told from good ones. */
async function stage({ deps, chosen, phases, losses }: RunningRestore, tree: string): Promise<void> {
  const { signal, progress, childEnvironment: environment } = deps;
  const { folder, part, picked } = chosen;
  const request = { folder, part, environment, signal, progress, wanted: picked.wanted };
  const { attribute: lostAttribute, owner: otherOwner } = losses;
  const held = openFolder(tree);
  try {
    await phases.run('files', () => extractArchive({ ...request, into: held.path, lostAttribute }));
    const problems = await phases.run('files check', () => compareTree({ ...request, root: tree, otherOwner }));
    if (problems.length > 0) throw checkFailed(problems);
    await removeStrays(tree, picked.strays, environment);
  } finally {
    held.close();
  }
}

async function place({ deps, request, target, tally }: RunningRestore, tree: string): Promise<void> {
  const staged = openFolder(tree);
  const folder = openFolder(target.directory);
  const keptName = foldersOf(request.runId).before;
  const { overwrite } = request;
  const { signal } = deps;
  try {
    const { repository } = target;
    await placeStaged({ staged, target: folder, overwrite, keptName, repository, signal, tally });
  } finally {
    staged.close();
    folder.close();
  }
}

function resultOf(
  { runId }: FilesRequest,
  { backup, picked, warnings }: Chosen,
  { directory }: Target,
  outcome: Outcome & Pick<FilesRestored, 'state' | 'lost'>,
): FilesRestored {
  const keptIn = outcome.overwritten === 0 ? null : `${directory}/${foldersOf(runId).before}`;
  return { runId, backup, directory, matched: picked.matched, ...outcome, keptIn, warnings };
}

function checkFailed(problems: readonly string[]): PotctlError {
  const more = problems.length > SHOWN_PROBLEMS ? [`and ${problems.length - SHOWN_PROBLEMS} more`] : [];
  return new PotctlError('E_FILES_CHECK', 'the unpacked files do not match the backup', {
    why: [...problems.slice(0, SHOWN_PROBLEMS), ...more].join('; '),
  });
}

function saying(error: unknown, { restored, overwritten, directories }: Outcome): unknown {
  const known = fromErrno(error, 'move the files into place');
  const placed = restored + overwritten;
  if (!(known instanceof PotctlError)) return known;
  if (placed + directories === 0) return known.with({ changed: 'nothing' });
  const changedDetail = `${counted(placed, 'file')} ${verb(placed, 'is', 'are')} in place; repeat the command to restore the rest`;
  return known.with({ changed: 'partial', changedDetail });
}
