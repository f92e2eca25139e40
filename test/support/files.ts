import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { onTestFinished } from 'vitest';
import { startFilesBackup } from '../../src/archive/archive.js';
import { compareTree } from '../../src/archive/compare.js';
import type { FilesBackup, FilesRequest } from '../../src/archive/engine.js';
import { extractArchive } from '../../src/archive/extract.js';
import type { FilesPart } from '../../src/catalog/manifest.js';
import { silent } from '../../src/kernel/progress.js';
import { removeFolder } from './file-tree.js';

/** Node has it since 22.15; the types are older. */
const { zstdDecompressSync } = zlib as unknown as { zstdDecompressSync?: (bytes: Buffer) => Buffer };

/** What plain tar makes of a stored archive. Where the zstd program is not installed, Node unpacks it. */
export function unpackPlainly(archive: string, into: string, flags: readonly string[] = []): void {
  const isNodes = archive.endsWith('.zst') && spawnSync('zstd', ['--version']).error !== undefined;
  const input = isNodes ? zstdDecompressSync?.(readFileSync(archive)) : undefined;
  execFileSync('tar', [...flags, '-xf', input === undefined ? archive : '-'], {
    cwd: into,
    ...(input !== undefined && { input, maxBuffer: 1 << 30 }),
  });
}

/** Folders of one test; removed when it ends. */
export interface Place {
  /** What is backed up. */
  readonly tree: string;
  /** Where the artifacts go. */
  readonly folder: string;
  /** Empty, for potctl and for plain tar to extract into. */
  readonly into: string;
  readonly plain: string;
}

export function place(): Place {
  const top = mkdtempSync(path.join(tmpdir(), 'potctl-files-'));
  onTestFinished(() => removeFolder(top));
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

const TAR_ALL = ['--format=posix', '--sort=name', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--acls'];
const TAR_SAME = '--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f';

/** Everything that GNU tar knows about a tree, contents, links and attributes included: equal trees give equal bytes. */
export function everything(root: string): { readonly lines: string[]; readonly sha256: string } {
  const found = execFileSync('find', ['.', '-printf', '%p %y %m %T@ %s %U:%G %n %l\\0'], {
    cwd: root,
    encoding: 'latin1',
  });
  const archive = execFileSync('tar', [...TAR_ALL, TAR_SAME, '-cf', '-', '.'], { cwd: root, maxBuffer: 1 << 30 });
  const lines = found
    .split('\0')
    .map((line) => line.replace(/^(\S+ d \S+ \S+) \d+/, '$1'))
    .sort();
  return { lines, sha256: createHash('sha256').update(archive).digest('hex') };
}

/** A folder whose users find only these programs, as far as the machine has them: to see what happens without the others. */
export function pathWith(at: Place, ...programs: readonly string[]): string {
  const bin = path.join(path.dirname(at.tree), 'bin');
  mkdirSync(bin, { recursive: true });
  for (const program of programs) {
    const { stdout } = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' });
    if (stdout !== '') symlinkSync(stdout.trim(), path.join(bin, program));
  }
  return bin;
}

/** Backs up, extracts by potctl and by plain tar, and returns what all three trees hold. */
export async function thereAndBack(at: Place) {
  const part = await finish(await begin(at));
  await extractArchive({ ...request(at, part), into: at.into });
  unpackPlainly(path.join(at.folder, part.backup_file), at.plain, ['--xattrs', '--xattrs-include=*', '--acls', '-p']);
  const problems = await compareTree({ ...request(at, part), root: at.into });
  return { part, problems, was: everything(at.tree), by: everything(at.into), plain: everything(at.plain) };
}
