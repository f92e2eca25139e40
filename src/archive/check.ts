import type { FilesPart } from '../catalog/manifest.js';
import type { Progress } from '../kernel/progress.js';
import { followArchive } from './follow.js';
import { createPipes } from './pipes.js';
import { checkStructure } from './structure.js';
import { ArchiveDamage } from './tar-header.js';

/** A stored archive to verify. */
export interface CheckRequest {
  /** The backup's folder. */
  readonly folder: string;
  readonly part: FilesPart;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

const MAX_PROBLEMS = 20;

/**
 * Reads the whole archive and checks that every member is present, in order, with the content that was archived.
 *
 * @returns the problems, each naming the member; empty if the archive is undamaged
 * @throws E_TOOL_MISSING, E_IO, E_FILES_DENIED if it could not be checked; the signal's reason when aborted
 */
export async function checkArchive(request: CheckRequest): Promise<string[]> {
  const { folder, part, environment, signal } = request;
  const problems: string[] = [];
  const add = (text: string): void => void (problems.length < MAX_PROBLEMS && problems.push(text));
  try {
    await checkStructure(folder, part, signal);
  } catch (error) {
    if (!(error instanceof ArchiveDamage)) throw error;
    return [`${part.list_file}: ${error.message}`];
  }
  const pipes = await createPipes({ programs: 1, bytes: part.bytes }, environment, signal);
  try {
    await followArchive({
      ...request,
      pipes,
      wrongContent: (text) => add(`${part.backup_file}: ${text}`),
    });
  } catch (error) {
    if (!(error instanceof ArchiveDamage)) throw error;
    add(`${part.backup_file}: ${error.message}`);
  } finally {
    pipes.remove();
  }
  return problems;
}
