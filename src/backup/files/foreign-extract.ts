import { PotctlError } from '../../errors.js';
import { assertEmpty, END_OF_ARCHIVE, type ExtractRequest, openTar } from './extract.js';
import { foreignArchive } from './foreign-archive.js';
import { surveyForeign } from './foreign-survey.js';
import { type PlacedListener, walkForeign } from './foreign-walk.js';
import type { ListTotals } from './list.js';
import { padding, paxHeader } from './pax-header.js';
import { createPipes, type Pipes, type Take } from './pipes.js';
import { toolError } from './programs.js';
import { ArchiveDamage, type TarMember } from './tar-header.js';

/**
 * Extracts another program's archive as the tree that it is listed as. GNU tar never sees the archive itself: it gets a header of our own for
 * each member, written once the member was found unable to leave `into`. What lies there then is to be compared with the list.
 *
 * @throws as extractArchive
 */
export async function extractForeign(request: ExtractRequest): Promise<ListTotals> {
  const { part, into, environment, signal } = request;
  assertEmpty(into);
  const pipes = await createPipes(1, environment, signal);
  try {
    await feedTar(request, pipes);
    return { files: part.files, directories: part.directories, symlinks: part.symlinks, bytes: part.bytes };
  } catch (error) {
    if (!(error instanceof ArchiveDamage)) throw error;
    throw new PotctlError('E_BACKUP_CORRUPT', `cannot extract "${part.backup_file}": ${error.message}`, {
      changed: 'scratch',
      cause: error,
    });
  } finally {
    pipes.remove();
  }
}

/** Writes every member anew, with a header of our own. */
function rewrite(forward: Take): PlacedListener & { end(): Promise<void> } {
  const pieces: Buffer[] = [];
  let current: TarMember | null = null;
  const finish = (): void => {
    if (current?.type === 'file') pieces.push(padding(current.size));
    current = null;
  };
  return {
    member({ member, attributes }) {
      finish();
      current = member;
      pieces.push(paxHeader(member, attributes));
    },
    data: (bytes) => void pieces.push(bytes),
    settle: () => forward(Buffer.concat(pieces.splice(0))),
    async end() {
      finish();
      await forward(Buffer.concat([...pieces, END_OF_ARCHIVE]));
    },
  };
}

async function feedTar(request: ExtractRequest, pipes: Pipes): Promise<void> {
  const { folder, part, signal } = request;
  const archive = foreignArchive(folder, part);
  const survey = await surveyForeign(archive, signal);
  const tar = openTar(request, pipes);
  try {
    const rewriting = rewrite(tar.forward);
    await walkForeign(archive, survey, rewriting, request);
    await rewriting.end();
  } catch (error) {
    tar.child.kill();
    await tar.child.ended;
    signal.throwIfAborted();
    throw error;
  }
  tar.input.end();
  const end = await tar.child.ended;
  signal.throwIfAborted();
  if (!end.ok) throw toolError('tar', end);
}
