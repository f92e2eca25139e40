import type { BytePath } from './byte-path.js';

/** Warnings of tar about single files, from its stderr. */
export interface TarWarnings {
  /** Takes a line of stderr. */
  add(line: string): void;
  /** Returns the warning about a path; undefined: none. */
  about(path: BytePath): 'changed' | 'unreadable' | undefined;
}

/** Beyond this number every file counts as changed. That costs another read, never a file. */
const MAX_NAMED = 100_000;
const NAMED = /^\S*tar: "((?:[^"\\]|\\.)*)": (.*)$/;
const CHANGED = /^(?:file changed as we read it|File shrank by )/;
/** Messages about files that are missing from the archive, which is noticed there. */
const SEEN_ELSEWHERE = /^(?:File removed before we read it|Cannot (?:stat|open)|socket ignored|Unknown file type)/;

/**
 * Creates a collector of tar's warnings. They are the second source (the first is checking the file again), and the only one for a read
 * error, after which tar fills the content with zeros. Needs `--quoting-style=c`.
 */
export function createTarWarnings(): TarWarnings {
  const named = new Map<BytePath, 'changed' | 'unreadable'>();
  let tooMany = false;
  return {
    add(line) {
      const [, quoted, text] = NAMED.exec(line) ?? [];
      if (quoted === undefined || text === undefined || SEEN_ELSEWHERE.test(text)) return;
      if (named.size >= MAX_NAMED) tooMany = true;
      else named.set(unquote(quoted).replace(/\/$/, ''), CHANGED.test(text) ? 'changed' : 'unreadable');
    },
    about: (path) => named.get(path === '' ? '.' : path) ?? (tooMany ? 'changed' : undefined),
  };
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Removes the quoting of a C string literal. */
function unquote(quoted: string): BytePath {
  return quoted.replace(/\\([0-7]{3}|.)/g, (_, escaped: string) =>
    escaped.length === 3 ? String.fromCharCode(Number.parseInt(escaped, 8)) : (ESCAPES[escaped] ?? escaped),
  );
}
