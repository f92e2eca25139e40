import { type BytePath, display, textOrBase64 } from './byte-path.js';

/** A path with a reason, as in the manifest; `path_b64` if the path is not UTF-8. */
export type NamedPath = { readonly path: string; readonly path_b64?: string; readonly reason: string };

const MAX_NAMED = 1_000;

/** Counts all paths, and keeps the first thousand. */
export interface PathLog {
  add(path: BytePath, reason: string): void;
  total(): number;
  named(): NamedPath[];
}

/** Creates a log that counts all paths and keeps the first thousand. */
export function createPathLog(): PathLog {
  const named: NamedPath[] = [];
  let total = 0;
  return {
    add(path, reason) {
      total += 1;
      if (named.length >= MAX_NAMED) return;
      const text = textOrBase64(path);
      named.push({ path: display(path), ...('base64' in text ? { path_b64: text.base64 } : {}), reason });
    },
    total: () => total,
    named: () => [...named],
  };
}
