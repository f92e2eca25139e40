import picomatch from 'picomatch';
import { PotctlError } from '../kernel/errors.js';
import { type BytePath, display, fromText, isBelow } from './byte-path.js';

/** Globs that select members of a backup. Paths must be passed in walk order. */
export interface Globs {
  /** Returns whether a glob matches the path or a directory above it. */
  matches(path: BytePath): boolean;
  /** The globs without a match so far. */
  unmatched(): readonly string[];
}

const MAX_LENGTH = 4_096;
// Flag s: names may contain newlines.
const MATCHING = { dot: true, nonegate: true, flags: 's' };

/**
 * Compiles the globs of a command line: relative to the tree, or starting with its former root. A glob that matches a directory selects
 * everything in it. A name also matches literally (`a[1].txt`), and one that is not UTF-8 as it is displayed (`\xff`).
 *
 * @param root the tree's path when it was backed up
 * @throws E_USAGE
 */
export function createGlobs(globs: readonly string[], root: string): Globs {
  const matchers = globs.map((glob) => createMatcher(glob, root));
  return {
    matches: (path) => matchers.reduce((found, { matches }) => matches(path) || found, false),
    unmatched: () => matchers.filter(({ found }) => !found()).map(({ glob }) => glob),
  };
}

function createMatcher(glob: string, root: string) {
  const text = relative(glob, root);
  const matches = compile(glob, text);
  let inside: BytePath | undefined;
  let found = false;
  return {
    glob,
    found: (): boolean => found,
    matches(path: BytePath): boolean {
      if (path === '') return false;
      if (inside !== undefined && isBelow(path, inside)) return true;
      if (!matches(path)) return false;
      inside = path;
      found = true;
      return true;
    },
  };
}

function compile(glob: string, text: string): (path: BytePath) => boolean {
  if (glob.length > MAX_LENGTH) throw new PotctlError('E_USAGE', `a glob has at most ${MAX_LENGTH} characters`);
  const literal = fromText(text);
  const pattern = text === '' ? () => true : picomatch(literal, MATCHING);
  const named = (path: BytePath): boolean => path === literal || (NOT_ASCII.test(path) && display(path) === text);
  return (path) => pattern(path) || named(path);
}

const NOT_ASCII = /[\x80-\xff]/;

function relative(glob: string, root: string): string {
  const inside = glob === root || glob.startsWith(`${root}/`) ? glob.slice(root.length) : glob;
  return inside
    .replace(/^(\.?\/+)+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '');
}
