import { createHash } from 'node:crypto';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import type { Staging, Storage } from '../storage/storage.js';
import type { Draft } from './repository.js';

/** Where drafts live and what guards their publication. */
export interface DraftDeps {
  readonly storage: Storage;
  /** Throws when the lock was lost: what is published then could collide with the new holder's work. */
  readonly assertHeld: () => Promise<void>;
}

/**
 * Begins a backup that nobody lists.
 *
 * @throws PotctlError E_REFUSED if there is a backup of that id, E_IO if there is a draft, E_NO_SPACE, E_FILES_DENIED
 */
export async function createDraft(deps: DraftDeps, id: string): Promise<Draft> {
  const staging = await deps.storage.groups.begin(id).catch((error: NodeJS.ErrnoException) => {
    throw fromErrno(error, `create the unfinished backup '${error.path ?? id}'`);
  });
  if (staging === null) throw new PotctlError('E_REFUSED', `there is already a backup '${id}'`);
  return draftIn(staging, id, deps);
}

function draftIn(staging: Staging, id: string, { assertHeld }: DraftDeps): Draft {
  const { folder } = staging;
  let state: 'open' | 'published' | 'discarded' = 'open';
  const discard = async (): Promise<void> => {
    if (state !== 'open') return;
    try {
      await staging.discard();
    } catch (error) {
      throw fromErrno(error, `remove the unfinished backup '${folder}'`);
    }
    state = 'discarded';
  };
  const publish = async (manifest: string): Promise<void> => {
    if (state !== 'open') throw new Error(`draft '${id}' is already ${state}`);
    try {
      await assertHeld();
      await staging.commit(sealed(manifest), assertHeld);
      state = 'published';
    } catch (error) {
      // The first failure is the one to tell; what cannot be removed now is swept by the next run.
      await discard().catch(() => undefined);
      throw fromErrno(error, `publish the backup '${id}'`);
    }
  };
  return { id, folder, publish, discard };
}

/** The manifest and its hash in the format of sha256sum: `sha256sum -c manifest.json.sha256` works without potctl. */
function sealed(manifest: string): Readonly<Record<string, string>> {
  const hash = createHash('sha256').update(manifest).digest('hex');
  return { 'manifest.json': manifest, 'manifest.json.sha256': `${hash}  manifest.json\n` };
}
