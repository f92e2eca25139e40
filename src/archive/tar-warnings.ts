import type { BytePath } from './byte-path.js';

/** What tar said about single files on stderr. */
export interface TarWarnings {
  /** For `onStderrLine`. */
  hear(line: string): void;
  /** Undefined: tar had nothing to say about it. */
  about(path: BytePath): 'changed' | 'unreadable' | undefined;
}

/** Beyond this many, every file counts as changed: it costs another reading, never a file. */
const MAX_NAMED = 100_000;
const NAMED = /^\S*tar: "((?:[^"\\]|\\.)*)": (.*)$/;
const CHANGED = /^(?:file changed as we read it|File shrank by )/;
/** The member is missing from the archive then, which is seen there. */
const SEEN_ELSEWHERE = /^(?:File removed before we read it|Cannot (?:stat|open)|socket ignored|Unknown file type)/;

/**
 * Collects tar's warnings. They are the second source (the first is looking at the file again), and the only one for a read error,
 * after which tar goes on with zeros in place of the content. Needs `--quoting-style=c`.
 */
export function createTarWarnings(): TarWarnings {
  const named = new Map<BytePath, 'changed' | 'unreadable'>();
  let tooMany = false;
  return {
    hear(line) {
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

/** Undoes the quoting of a C string literal. */
function unquote(quoted: string): BytePath {
  return quoted.replace(/\\([0-7]{3}|.)/g, (_, escaped: string) =>
    escaped.length === 3 ? String.fromCharCode(Number.parseInt(escaped, 8)) : (ESCAPES[escaped] ?? escaped),
  );
}
