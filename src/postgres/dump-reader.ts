import path from 'node:path';
import { text } from 'node:stream/consumers';
import { parseToc } from '../backup/database/toc.js';
import type { DumpReader } from '../backup/verify.js';
import { type ChildEnd, startChild } from '../child.js';
import { PotctlError } from '../errors.js';
import { findTools, type ToolSearch } from './tools.js';

/**
 * The newest pg_restore of this machine, for reading dumps without a server: null where none is installed.
 *
 * `toc` throws E_TOOL_FAILED when the dump cannot be read, and E_TOOL_OLD when this pg_restore is too old for it.
 */
export async function openDumpReader(
  search: ToolSearch & { readonly signal: AbortSignal },
): Promise<DumpReader | null> {
  const [newest] = await findTools(search);
  if (newest === undefined) return null;
  const program = path.join(path.dirname(newest.path), 'pg_restore');
  const { signal } = search;
  const environment = { ...search.environment, LC_ALL: 'C' };
  return {
    async toc(dumpFolder) {
      const child = startChild(program, ['--list', dumpFolder], { environment, signal });
      const [listed, end] = await Promise.all([text(child.stdout), child.ended]);
      if (end.ok) return parseToc(listed);
      signal.throwIfAborted();
      throw unreadable(end);
    },
    async unpack(dumpFolder) {
      const child = startChild(program, ['--file=/dev/null', dumpFolder], { environment, signal, stdout: 'ignore' });
      const end = await child.ended;
      signal.throwIfAborted();
      return end.ok ? null : reason(end);
    },
  };
}

function unreadable(end: ChildEnd): PotctlError {
  const why = reason(end);
  if (why.includes('unsupported version')) {
    return new PotctlError('E_TOOL_OLD', 'pg_restore is older than the pg_dump that made this backup', { why });
  }
  return new PotctlError('E_TOOL_FAILED', 'pg_restore cannot read the dump', { why });
}

function reason({ startError, stderrTail, exitCode }: ChildEnd): string {
  return startError ?? (stderrTail.join('; ') || `exit code ${exitCode}`);
}
