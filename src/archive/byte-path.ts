import { isUtf8 } from 'node:buffer';

/**
 * A path as Linux has it, bytes without NUL, relative to the tree and held one byte per character (latin1), so that it can be compared,
 * sorted and matched without loss. The tree itself is the empty path.
 */
export type BytePath = string;

/** The bytes that system calls want. */
export const toBytes = (path: BytePath): Buffer => Buffer.from(path, 'latin1');

/** From text as it stands in a configuration, a database or JSON. */
export const fromText = (text: string): BytePath => Buffer.from(text, 'utf8').toString('latin1');

/** For people: bytes that are not UTF-8 become `\xHH`; the tree itself is `.`. */
export function display(path: BytePath): string {
  const bytes = toBytes(path === '' ? '.' : path);
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return path.replace(/[\x80-\xff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`);
}

/** As JSON carries it: text where it is UTF-8, else base64 of the bytes. */
export function textOrBase64(path: BytePath): { readonly text: string } | { readonly base64: string } {
  if (ASCII.test(path)) return { text: path };
  const bytes = toBytes(path);
  return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') };
}

const ASCII = /^[\0-\x7f]*$/;

/**
 * The order of a walk: a directory, then what is in it, names by their bytes. Negative when `a` comes first.
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

/** Is `path` below the directory `above`? */
export const isBelow = (path: BytePath, above: BytePath): boolean => above === '' || path.startsWith(`${above}/`);

/** Relative, no empty segment, no `.`, no `..`, no NUL: nothing that could point out of the tree. */
export const isInside = (path: BytePath): boolean =>
  !path.includes('\0') && path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
