import { END_OF_ARCHIVE, type ExtractRequest, extractInto, throughTar } from '../extract.js';
import type { ListTotals } from '../list.js';
import { padding, paxHeader } from '../pax-header.js';
import type { Take } from '../pipes.js';
import type { TarMember } from '../tar-header.js';
import { importedArchive } from './archive.js';
import { surveyImported } from './survey.js';
import { type PlacedListener, walkImported } from './walk.js';

/**
 * Extracts an archive of another program as the tree in its list. GNU tar never sees the archive itself: it receives a new header for each
 * member, written after the member was checked to stay inside `into`. The caller compares the result with the list.
 *
 * @throws as extractArchive
 */
export async function extractImported(request: ExtractRequest): Promise<ListTotals> {
  const { folder, part, signal } = request;
  return extractInto(request, async (pipes) => {
    const archive = importedArchive(folder, part);
    const survey = await surveyImported(archive, signal);
    await throughTar(request, pipes, async (forward) => {
      const rewriting = rewrite(forward);
      await walkImported(archive, survey, rewriting, request);
      await rewriting.end();
    });
  });
}

/** Writes every member again, with a new header. */
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
