import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';

/** The content of a directory tree. */
export interface TreeContent {
  /** Files and symlinks. */
  readonly files: number;
  /** SHA-256 of every entry's path, type, mode, time and content. */
  readonly digest: string;
}

/** Reads a directory tree, file by file, without the directories that restores keep in it (`.potctl-…`). */
export async function readTree(root: string): Promise<TreeContent> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
  const own = paths.filter((name) => !name.startsWith('.potctl-')).sort();
  const digest = createHash('sha256');
  let files = 0;
  for (const name of own) {
    const { line, isFile } = await describe(path.join(root, name));
    digest.update(`${name} ${line}\n`);
    if (isFile) files += 1;
  }
  return { files, digest: digest.digest('hex') };
}

async function describe(file: string): Promise<{ readonly line: string; readonly isFile: boolean }> {
  const stat = await lstat(file, { bigint: true });
  const mode = (stat.mode & 0o7777n).toString(8);
  if (stat.isDirectory()) return { line: `directory ${mode}`, isFile: false };
  if (stat.isSymbolicLink()) return { line: `link ${await readlink(file)}`, isFile: true };
  const sha256 = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  return { line: `file ${mode} ${stat.mtimeNs} ${sha256}`, isFile: true };
}
