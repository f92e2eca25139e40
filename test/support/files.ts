import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { startFilesBackup } from '../../src/backup/files/archive.js';
import type { FilesBackup, FilesRequest } from '../../src/backup/files/engine.js';
import type { FilesPart } from '../../src/backup/manifest.js';
import { silent } from '../../src/progress.js';

/** Folders of one test; removed when it ends. */
export interface Place {
  /** What is backed up. */
  readonly tree: string;
  /** Where the artefacts go. */
  readonly folder: string;
  /** Empty, for potctl and for plain tar to extract into. */
  readonly into: string;
  readonly plain: string;
}

export function place(): Place {
  const top = mkdtempSync(path.join(tmpdir(), 'potctl-files-'));
  onTestFinished(() => rmSync(top, { recursive: true, force: true }));
  const at = { tree: `${top}/tree`, folder: `${top}/folder`, into: `${top}/into`, plain: `${top}/plain` };
  for (const folder of Object.values(at)) mkdirSync(folder);
  return at;
}

const PATH = process.env['PATH'] ?? '/usr/bin:/bin';

/** What every function of the engine wants besides its own. */
export const request = (at: Place, part: FilesPart) => ({
  folder: at.folder,
  part,
  environment: { PATH },
  signal: new AbortController().signal,
  progress: silent,
});

/** A backup that has had its first pass; whatever becomes of the test, nothing of it goes on running. */
export async function begin(at: Place, changes: Partial<FilesRequest> = {}): Promise<FilesBackup> {
  const backup = await start(at, changes);
  await backup.firstPass();
  return backup;
}

export async function start(at: Place, changes: Partial<FilesRequest> = {}): Promise<FilesBackup> {
  const { part: _, ...common } = request(at, {} as FilesPart);
  const backup = await startFilesBackup({ ...common, root: at.tree, excludes: [], ...changes });
  onTestFinished(() => backup.abort());
  return backup;
}

export const finish = (backup: FilesBackup): Promise<FilesPart> => backup.secondPass();
