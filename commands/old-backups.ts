import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno } from '../src/kernel/errors.js';
import { makeFolders } from '../src/kernel/make-folders.js';
import type { Repository } from '../src/repository/repository.js';
import { text } from './cli/parse/options.js';
import type { Context } from './context.js';
import { verifyDeps } from './dependencies.js';
import { stateDirectory } from './records-apart.js';

/** Reads a folder of the old scripts where it lies, instead of a repository. */
export const OLD_BACKUPS = {
  backupDir: text('--backup-dir <dir>', "a folder of the old scripts' backups, read where it lies"),
};

/**
 * The same context, its repository a folder of the old scripts: only read. What must be remembered goes to the repository that is
 * configured or named, else to a directory of this user.
 */
export function withBackupDir(context: Context, backupDir: string | undefined): Context {
  if (backupDir === undefined) return context;
  let opened: Promise<Repository> | undefined;
  const repository = (): Promise<Repository> => {
    opened ??= open(context, backupDir);
    return opened;
  };
  return { ...context, repository };
}

async function open(context: Context, typed: string): Promise<Repository> {
  const { fromHere } = await import('../src/config/paths.js');
  const { openOldFolder } = await import('../src/backup/imported/old-folder.js');
  const named = fromHere(typed, context.settingsRequest);
  const folder = await realpath(named).catch(() => named);
  const notes = notesOf(context, folder);
  const { profile, files, repositories } = await context.settings();
  const records = async (): Promise<Repository> => {
    if (repositories.length > 0) return context.repository();
    await makeFolders(notes).catch((error: unknown) => {
      throw fromErrno(error, `create '${notes}'`);
    });
    const kept = await context.repositoryAt('adopted', path.join(notes, 'records'));
    const lock: Repository['lock'] = (request) => {
      const text = `no repository is named: an undo wants the same --backup-dir, for what it needs is kept in ${kept.url}`;
      context.progress({ kind: 'warning', text });
      return kept.lock(request);
    };
    return { ...kept, lock };
  };
  const { dumpReader } = await verifyDeps({ ...context, repository: records });
  return openOldFolder(folder, {
    ...{ dumpReader, signal: context.signal, progress: context.progress, records, notes },
    reader: {
      ...{ profile: profile.name, filesPath: files?.path ?? null },
      ...{ runId: context.runId, traceId: context.traceId, hostname: context.hostname },
      tool: { name: 'potctl', ...context.tool },
    },
  });
}

/** One directory per folder, whatever it is called at the moment. */
function notesOf(context: Context, folder: string): string {
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return path.join(stateDirectory(context), 'adopted', name);
}
