import { isUtf8 } from 'node:buffer';

/**
 * A path as Linux has it: bytes without NUL, relative to the tree, one byte per character (latin1), so that it is compared, sorted and
 * matched without loss. The tree itself is the empty path.
 */
export type BytePath = string;

/** Converts a path to bytes for system calls. */
export const toBytes = (path: BytePath): Buffer => Buffer.from(path, 'latin1');

/** Converts text from a configuration, a database or JSON to a path. */
export const fromText = (text: string): BytePath => Buffer.from(text, 'utf8').toString('latin1');

/** Returns a path for messages: bytes that are not UTF-8 become `\xHH`; the tree itself is `.`. */
export function display(path: BytePath): string {
  const bytes = toBytes(path === '' ? '.' : path);
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return path.replace(/[\x80-\xff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`);
}

/** Returns a path for JSON: text if it is UTF-8, else base64 of the bytes. */
export function textOrBase64(path: BytePath): { readonly text: string } | { readonly base64: string } {
  if (ASCII.test(path)) return { text: path };
  const bytes = toBytes(path);
  return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') };
}

const ASCII = /^[\0-\x7f]*$/;

/**
 * Compares two paths in walk order: a directory, then its content, names by their bytes. Negative if `a` comes first.
 *
 * The slash sorts before every other byte: `a`, `a/b`, `a.b`.
 */
export function compareWalk(a: BytePath, b: BytePath): number {
  const shorter = Math.min(a.length, b.length);
  for (let index = 0; index < shorter; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left === right) continue;
    if (left === SLASH) return -1;
    return right === SLASH ? 1 : left - right;
  }
  return a.length - b.length;
}

const SLASH = 47;

/** Returns whether `path` is below the directory `above`. */
export const isBelow = (path: BytePath, above: BytePath): boolean => above === '' || path.startsWith(`${above}/`);

/** Returns whether a path stays inside the tree: relative, no empty segment, no `.`, no `..`, no NUL. */
export const isInside = (path: BytePath): boolean =>
  !path.includes('\0') && path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
