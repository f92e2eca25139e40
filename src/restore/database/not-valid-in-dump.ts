import type { Server } from '../../postgres/server.js';
import { definitionLines } from './definitions.js';

/** Counts the constraints that a dump itself creates without validating them. */
export async function countNotValidInDump(
  server: Server,
  dumpFolder: string,
  options: { readonly signal: AbortSignal; readonly scratch: string },
): Promise<number> {
  let found = 0;
  await definitionLines(server, dumpFolder, options, (line) => {
    if (/\bNOT VALID;$/.test(line)) found += 1;
  });
  return found;
}
