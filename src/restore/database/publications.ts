import type { Server } from '../../postgres/server.js';
import { definitionLines } from './definitions.js';

/** The publications of a dump that are FOR ALL TABLES, which only a superuser may create. */
export async function allTablesPublications(
  server: Server,
  dumpFolder: string,
  options: { readonly signal: AbortSignal; readonly scratch: string },
): Promise<string[]> {
  const found: string[] = [];
  await definitionLines(server, dumpFolder, options, (line) => {
    const name = /^CREATE PUBLICATION (.+) FOR (?:ALL TABLES|TABLES IN SCHEMA)\b/.exec(line)?.[1];
    if (name !== undefined) found.push(name);
  });
  return found;
}
