import { createHash } from 'node:crypto';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import type { Staging, Storage } from '../storage/storage.js';
import type { Draft } from './repository.js';

/** What a draft depends on. */
export interface DraftDeps {
  readonly storage: Storage;
  /** Throws if the lock was lost: publishing then could collide with the work of the new holder. */
  readonly assertHeld: () => Promise<void>;
}

/**
 * Starts an unlisted backup.
 *
 * @throws PotctlError E_REFUSED if a backup with that id exists, E_IO if a draft exists, E_NO_SPACE, E_FILES_DENIED
 */
export async function createDraft(deps: DraftDeps, id: string): Promise<Draft> {
  const staging = await deps.storage.groups.begin(id).catch((error: NodeJS.ErrnoException) => {
    throw fromErrno(error, `create the unfinished backup '${error.path ?? id}'`);
  });
  if (staging === null) throw new PotctlError('E_REFUSED', `the backup '${id}' already exists`);
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
      // Report the first failure. The next run removes what cannot be removed now.
      await discard().catch(() => undefined);
      throw fromErrno(error, `publish the backup '${id}'`);
    }
  };
  return { id, folder, publish, discard };
}

/** Returns the manifest and its hash in the format of sha256sum: `sha256sum -c manifest.json.sha256` works without potctl. */
function sealed(manifest: string): Readonly<Record<string, string>> {
  const hash = createHash('sha256').update(manifest).digest('hex');
  return { 'manifest.json': manifest, 'manifest.json.sha256': `${hash}  manifest.json\n` };
}
