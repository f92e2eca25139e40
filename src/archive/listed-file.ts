import { type BytePath, fromText, isInside, textOrBase64 } from './byte-path.js';
import type { ListedFile } from './engine.js';
import type { TarMember } from './tar-header.js';

type ListedType = ListedFile['type'];

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Returns the line of the list for a member of the archive; `sha256` for files only. */
export function listedFile(member: TarMember, type: ListedType, sha256: string | undefined): ListedFile {
  const { size, uid, gid, mtimeNs, target } = member;
  const file: Writable<ListedFile> = { type, size, mode: modeOf(member), uid, gid, mtime_ns: mtimeNs };
  const path = textOrBase64(member.path === '' ? '.' : member.path);
  if ('text' in path) file.path = path.text;
  else file.path_b64 = path.base64;
  if (sha256 !== undefined) file.sha256 = sha256;
  if (target === undefined) return file;
  const link = textOrBase64(target);
  if ('text' in link) file.target = link.text;
  else file.target_b64 = link.base64;
  return file;
}

export const modeOf = (member: { readonly mode: number }): string => member.mode.toString(8).padStart(4, '0');

/** Returns the path of a line of the list; the tree itself (listed as `.`) is the empty path. */
export function pathOf(file: ListedFile): BytePath {
  const path = bytesOf(file.path, file.path_b64) ?? '';
  return path === '.' ? '' : path;
}

/** Returns the target of a link; undefined for everything else. */
export const targetOf = (file: ListedFile): BytePath | undefined => bytesOf(file.target, file.target_b64);

function bytesOf(text: string | undefined, base64: string | undefined): BytePath | undefined {
  if (text !== undefined) return fromText(text);
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('latin1');
}

/** Returns whether an untrusted value is a valid line of the list whose path stays inside the tree. */
export function isListedFile(value: unknown): value is ListedFile {
  if (typeof value !== 'object' || value === null) return false;
  const line = value as Partial<Record<keyof ListedFile, unknown>>;
  return (
    isOneText(line.path, line.path_b64) &&
    TYPES.has(line.type as ListedType) &&
    [line.size, line.uid, line.gid].every((number) => Number.isSafeInteger(number) && (number as number) >= 0) &&
    matches(line.mode, /^[0-7]{4}$/) &&
    matches(line.mtime_ns, /^-?\d{1,21}$/) &&
    (line.type === 'file' ? matches(line.sha256, /^[0-9a-f]{64}$/) : line.sha256 === undefined) &&
    (line.type === 'symlink' || line.type === 'hardlink') === isOneText(line.target, line.target_b64) &&
    (line.superseded === undefined || line.superseded === true) &&
    isPathInside(line as ListedFile)
  );
}

const TYPES: ReadonlySet<ListedType> = new Set(['file', 'directory', 'symlink', 'hardlink', 'fifo']);

const matches = (value: unknown, pattern: RegExp): boolean => typeof value === 'string' && pattern.test(value);

const isOneText = (text: unknown, base64: unknown): boolean =>
  (typeof text === 'string' && base64 === undefined) || (text === undefined && typeof base64 === 'string');

function isPathInside(line: ListedFile): boolean {
  const path = pathOf(line);
  return path === '' ? line.type === 'directory' : isInside(path);
}
