import { text } from 'node:stream/consumers';
import { type ChildEnd, hasCrashed, startChild, ToolCrash, whyNotDone } from '../kernel/child.js';
import { PotctlError } from '../kernel/errors.js';
import { newestTool, type ToolSearch } from '../postgres/tools.js';
import { parseToc, type TocEntry } from './toc.js';

/** pg_restore, without a server. Both throw E_BACKUP_CORRUPT for a damaged dump, E_TOOL_OLD or E_TOOL_FAILED when it could not be looked at. */
export interface DumpReader {
  toc(dumpFolder: string): Promise<readonly TocEntry[]>;
  /** Unpacks every member to nowhere. It does not notice an emptied member: only hashes do. */
  unpack(dumpFolder: string): Promise<void>;
  /** Prints the whole dump as SQL, with CREATE DATABASE where it has that. The bytes are valid until `take` returns; what it throws ends it. */
  script(dump: string, take: (bytes: Buffer) => void): Promise<void>;
  /** The header of the table of contents, e.g. `dbname` → `app`, `Archive created at` → `2026-11-22 09:50:46 UTC`. */
  header(dump: string): Promise<ReadonlyMap<string, string>>;
}

/** Every list of pg_restore begins with a header that has this line. */
const LISTED = /^; +TOC Entries: \d+$/m;

/**
 * The newest pg_restore of this machine, for reading dumps without a server: null where none is installed. The list of the dump that was read
 * last is remembered: a stored dump stays as it is.
 */
export async function openDumpReader(
  search: ToolSearch & { readonly signal: AbortSignal },
): Promise<DumpReader | null> {
  const newest = await newestTool('pg_restore', search);
  if (newest === undefined) return null;
  const { signal } = search;
  const environment = { ...search.environment, LC_ALL: 'C' };
  let last: { readonly dump: string; readonly listed: Promise<string> } | undefined;
  const remembered = (dump: string): Promise<string> => {
    if (last?.dump === dump) return last.listed;
    const listed = list(dump);
    last = { dump, listed };
    listed.catch(() => {
      last = undefined;
    });
    return listed;
  };
  const list = async (dump: string): Promise<string> => {
    const child = startChild(newest.path, ['--list', dump], { environment, signal });
    const [listed, end] = await Promise.all([text(child.stdout), child.ended]);
    signal.throwIfAborted();
    if (!end.ok) throw unreadable(end);
    if (!LISTED.test(listed)) throw notRun('it printed no table of contents');
    return listed;
  };
  return {
    toc: async (dumpFolder) => parseToc(await remembered(dumpFolder)),
    header: async (dump) => parseHeader(await remembered(dump)),
    async script(dump, take) {
      const child = startChild(newest.path, ['--create', '--file=-', dump], { environment, signal });
      try {
        for await (const bytes of child.stdout) take(bytes as Buffer);
      } catch (error) {
        child.kill();
        await child.ended;
        signal.throwIfAborted();
        throw error;
      }
      const end = await child.ended;
      signal.throwIfAborted();
      if (!end.ok) throw unreadable(end);
    },
    async unpack(dumpFolder) {
      const child = startChild(newest.path, ['--file=/dev/null', dumpFolder], {
        environment,
        signal,
        stdout: 'ignore',
      });
      const end = await child.ended;
      signal.throwIfAborted();
      if (!end.ok) throw unreadable(end);
    },
  };
}

/** `;     dbname: app` → `dbname`, `app`. */
function parseHeader(listed: string): Map<string, string> {
  const lines = [...listed.matchAll(/^; +([^:\n]+): (.*)$/gm)].map(([, key, value]) => [key!, value!] as const);
  const created = /^; Archive created at (.+)$/m.exec(listed)?.[1];
  return new Map(created === undefined ? lines : [...lines, ['Archive created at', created]]);
}

/** Only what pg_restore itself says about the dump is damage: one that was killed or cannot start proves nothing. */
function unreadable(end: ChildEnd): PotctlError {
  const why =
    end.startError ?? (end.stderrTail.join('; ') || `it ended by ${end.signal ?? `exit code ${end.exitCode}`}`);
  if (why.includes('unsupported version')) {
    return new PotctlError('E_TOOL_OLD', 'pg_restore is older than the pg_dump that made this backup', { why });
  }
  if (hasCrashed(end)) {
    return new ToolCrash('E_BACKUP_CORRUPT', 'pg_restore cannot read the dump', { why: `it crashed (${end.signal})` });
  }
  const lack = whyNotDone(end);
  if (lack !== null) return notRun(lack);
  if (!end.stderrTail.some((line) => line.startsWith('pg_restore: error: '))) return notRun(why);
  return new PotctlError('E_BACKUP_CORRUPT', 'pg_restore cannot read the dump', { why });
}

const notRun = (why: string): PotctlError =>
  new PotctlError('E_TOOL_FAILED', 'pg_restore did not do its work', { why });
