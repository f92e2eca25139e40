import { parseToc, type TocEntry } from '../../dump/toc.js';
import type { Server } from '../../postgres/server.js';

/** An entry of a dump, and the entries that it needs, by their dump ids. */
export interface GraphEntry extends TocEntry {
  readonly needs: readonly number[];
}

/**
 * Reads the contents of a dump and their dependencies, in the order of the archive.
 *
 * @throws E_TOOL_FAILED if pg_restore cannot read it
 */
export async function readGraph(server: Server, dump: string, signal: AbortSignal): Promise<GraphEntry[]> {
  const lines: string[] = [];
  const onStdoutLine = (line: string) => lines.push(line);
  await server.runTool('pg_restore', ['--list', '--verbose', dump], { database: 'postgres', signal, onStdoutLine });
  return parseGraph(lines);
}

/** Parses the output of `pg_restore --list --verbose`. Pure. */
export function parseGraph(lines: readonly string[]): GraphEntry[] {
  const entries: { entry: TocEntry; needs: number[] }[] = [];
  for (const line of lines) {
    const needs = /^;\tdepends on: ([\d ]+)$/.exec(line)?.[1];
    if (needs !== undefined) entries.at(-1)?.needs.push(...needs.split(' ').map(Number));
    else for (const entry of parseToc(line)) entries.push({ entry, needs: [] });
  }
  return entries.map(({ entry, needs }) => ({ ...entry, needs: [...new Set(needs)] }));
}
