import { createHash } from 'node:crypto';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { removeFolder } from './file-tree.js';

/** A file's content, `{ link }` for a symlink, `{ mode, content? }`, or another folder; `{}` is an empty one. */
export type Tree = { readonly [name: string]: string | Buffer | { readonly link: string } | Sized | Tree };
interface Sized {
  readonly content: string | Buffer;
  /** Octal permission bits. */
  readonly mode?: number;
  /** Seconds since 1970. */
  readonly mtime?: number;
}

/** A temporary folder with a short path that goes when the test ends. */
export async function temporaryFolder(prefix = 'potctl-test-'): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), prefix));
  // Only root removes what lies in a read-only folder.
  onTestFinished(() =>
    process.getuid?.() === 0 ? rm(folder, { recursive: true, force: true }) : removeFolder(folder),
  );
  return folder;
}

/** The same, where other users may enter: as root, the server runs as one. */
export async function folderForAll(): Promise<string> {
  const folder = await temporaryFolder();
  await chmod(folder, 0o711);
  return folder;
}

/** Writes `tree` below `folder` (created when it is missing; default: a temporary one) and returns the folder. */
export async function makeTree(tree: Tree, folder?: string): Promise<string> {
  const root = folder ?? (await temporaryFolder());
  await mkdir(root, { recursive: true });
  for (const [name, entry] of Object.entries(tree)) await makeEntry(path.join(root, name), entry);
  return root;
}

async function makeEntry(target: string, entry: Tree[string]): Promise<void> {
  if (typeof entry === 'string' || Buffer.isBuffer(entry)) return writeFile(target, entry);
  if (isLink(entry)) return symlink(entry.link, target);
  if (!isFile(entry)) return void (await makeTree(entry, target));
  await writeFile(target, entry.content);
  if (entry.mode !== undefined) await chmod(target, entry.mode);
  if (entry.mtime !== undefined) await utimes(target, entry.mtime, entry.mtime);
}

const isLink = (entry: object): entry is { link: string } => 'link' in entry && typeof entry.link === 'string';
const isFile = (entry: object): entry is Sized =>
  'content' in entry && (typeof entry.content === 'string' || Buffer.isBuffer(entry.content));

/**
 * Everything of a tree that must survive: one line per entry, sorted by bytes: type, mode, owner, mtime of files in ns, hash or target.
 * Names that are not UTF-8 appear as latin1. `.potctl-*` folders are left out.
 */
export async function describeTree(root: string): Promise<string[]> {
  const lines: string[] = [];
  await describeFolder(Buffer.from(root), '', lines);
  return lines.sort();
}

async function describeFolder(folder: Buffer, prefix: string, lines: string[]): Promise<void> {
  for (const name of await readdir(folder, { encoding: 'buffer' })) {
    if (prefix === '' && name.toString('latin1').startsWith('.potctl-')) continue;
    const target = Buffer.concat([folder, Buffer.from('/'), name]);
    const stat = await lstat(target, { bigint: true });
    const facts = `${(stat.mode & 0o7777n).toString(8)} ${stat.uid}:${stat.gid}`;
    const shown = `${prefix}${name.toString('latin1')}`;
    if (stat.isDirectory()) {
      lines.push(`${shown}/ ${facts}`);
      await describeFolder(target, `${shown}/`, lines);
    } else if (stat.isSymbolicLink()) {
      lines.push(`${shown} -> ${await readlink(target, { encoding: 'latin1' })} ${stat.uid}:${stat.gid}`);
    } else if (stat.isFile()) {
      const sha256 = createHash('sha256')
        .update(await readFile(target))
        .digest('hex');
      lines.push(`${shown} ${facts} ${stat.mtimeNs} ${sha256}`);
    } else lines.push(`${shown} special ${facts}`);
  }
}
