import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { fromHere } from '../../config/paths.js';
import type { OpenOldFolder } from '../../host/base.js';
import { stateDirectory } from '../../host/records.js';
import { fromErrno } from '../../kernel/errors.js';
import { makeFolders } from '../../kernel/make-folders.js';
import type { Repository } from '../../repository/repository.js';
import { openOldFolder } from './old-folder.js';

/**
 * Opens a folder of the old scripts as a read-only repository. Locks and restore records go to the configured or named repository, else to
 * a directory of this user.
 *
 * @throws E_FILES_MISSING, E_FILES_DENIED; E_BACKUP_NOT_FOUND if it contains no backup
 */
export const openOldBackups: OpenOldFolder = async (base, typed, place) => {
  const { host } = base;
  const named = fromHere(typed, host.settings);
  const folder = await realpath(named).catch(() => named);
  const notes = notesOf(stateDirectory(host.settings), folder);
  const { profile, files, repositories } = await base.settings();
  const { signal, progress, who, tool } = host;
  const records = async (): Promise<Repository> => {
    if (repositories.length > 0) return place.records();
    await makeFolders(notes).catch((error: unknown) => {
      throw fromErrno(error, `create '${notes}'`);
    });
    const kept = await place.at('adopted', path.join(notes, 'records'));
    const lock: Repository['lock'] = (request) => {
      const text = `no repository was given, so the restore is recorded in ${kept.url}: pass the same --backup-dir to undo it`;
      progress({ kind: 'warning', text });
      return kept.lock(request);
    };
    return { ...kept, lock };
  };
  return openOldFolder(folder, {
    ...{ dumpReader: await base.dumpReader(), signal, progress, records, notes },
    reader: {
      ...{ profile: profile.name, filesPath: files?.path ?? null },
      ...{ runId: who.runId, traceId: who.traceId, hostname: who.hostname },
      tool: { name: 'potctl', ...tool },
    },
  });
};

/** Returns the cache directory of a folder. It depends on the resolved path, not on how the path was typed. */
function notesOf(state: string, folder: string): string {
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return path.join(state, 'adopted', name);
}
