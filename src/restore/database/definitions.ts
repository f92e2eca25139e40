import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Server } from '../../postgres/server.js';

/**
 * Reads the definitions in a dump, without data, line by line. Takes as long as pg_restore needs to write them.
 *
 * @param options `scratch`: an existing folder for a file that is removed again
 * @throws E_TOOL_*
 */
export async function definitionLines(
  server: Server,
  dumpFolder: string,
  { signal, scratch }: { readonly signal: AbortSignal; readonly scratch: string },
  onLine: (line: string) => void,
): Promise<void> {
  const folder = await mkdtemp(path.join(scratch, 'potctl-sql-'));
  try {
    const file = path.join(folder, 'definitions.sql');
    const args = ['--schema-only', `--file=${file}`, dumpFolder];
    await server.runTool('pg_restore', args, { database: server.settings.database, signal });
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) onLine(line);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
