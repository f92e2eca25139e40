import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A fresh folder below the temporary directory, with its symlinks resolved. */
export const scratchFolder = (): string => fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'potctl-tree-')));

/** The same in memory where there is such a place: for many swaps, each of which makes its file system durable. */
export const memoryFolder = (): string => {
  const place = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
  return fs.realpathSync(fs.mkdtempSync(path.join(place, 'potctl-tree-')));
};

/** Removes a folder whatever the modes inside; nothing there is fine. */
export function removeFolder(folder: string): void {
  if (!fs.existsSync(folder)) return;
  if (process.getuid?.() !== 0) unlock(Buffer.from(folder));
  fs.rmSync(folder, { recursive: true, force: true });
}

function unlock(folder: Buffer): void {
  fs.chmodSync(folder, 0o700);
  for (const entry of fs.readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })) {
    if (entry.isDirectory()) unlock(Buffer.concat([folder, Buffer.from('/'), entry.name as unknown as Buffer]));
  }
}

/**
 * Fills a folder with one of each: files, a mode of 0000, an empty and a read-only directory, links (also to nothing), a name that
 * is not UTF-8, a newline. `mark` makes the contents differ between two trees of the same names.
 */
export function plantTree(root: string, mark: string, more: readonly string[] = []): void {
  fs.mkdirSync(path.join(root, 'uploads', 'deep'), { recursive: true });
  fs.writeFileSync(path.join(root, 'uploads', 'deep', 'model.stl'), `solid ${mark}`);
  fs.writeFileSync(path.join(root, 'plain.txt'), mark);
  // What may not be read could not be backed up by an ordinary user.
  const mode = process.getuid?.() === 0 ? 0o000 : 0o400;
  fs.writeFileSync(path.join(root, 'locked.bin'), `locked ${mark}`, { mode });
  fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x6e, 0xff, 0xfe, 0x0a])]), `bytes ${mark}`);
  fs.symlinkSync(`nowhere-${mark}`, path.join(root, 'dangling'));
  fs.symlinkSync('uploads', path.join(root, 'current'));
  fs.mkdirSync(path.join(root, 'read-only'));
  fs.writeFileSync(path.join(root, 'read-only', 'kept'), mark);
  fs.mkdirSync(path.join(root, `only-${mark}`));
  for (const name of more) fs.writeFileSync(path.join(root, name), `${name} ${mark}`);
  fs.chmodSync(path.join(root, 'read-only'), 0o555);
}

/** Everything below a folder as sorted lines: path bytes, type, mode, mtime, content or target. potctl's own entries are left out. */
export function photograph(root: string): string[] {
  if (!fs.existsSync(root)) return [];
  return [line(Buffer.from(root), '.'), ...below(Buffer.from(root), '')].sort();
}

function below(folder: Buffer, prefix: string): string[] {
  return fs.readdirSync(folder, { encoding: 'buffer' }).flatMap((name) => {
    const text = name.toString('latin1');
    if (text.startsWith('.potctl-')) return [];
    const full = Buffer.concat([folder, Buffer.from('/'), name]);
    const here = line(full, `${prefix}${text}`);
    return fs.lstatSync(full).isDirectory() ? [here, ...below(full, `${prefix}${text}/`)] : [here];
  });
}

function line(file: Buffer, name: string): string {
  const { mode, mtimeNs, uid } = fs.lstatSync(file, { bigint: true });
  return [name, mode.toString(8), String(uid), String(mtimeNs), content(file)].join(' ');
}

function content(file: Buffer): string {
  const stat = fs.lstatSync(file);
  if (stat.isSymbolicLink()) return fs.readlinkSync(file);
  if (!stat.isFile()) return '-';
  if ((stat.mode & 0o400) === 0 && process.getuid?.() !== 0) return `unreadable ${stat.size}`;
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}
