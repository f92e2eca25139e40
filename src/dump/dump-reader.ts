import { text } from 'node:stream/consumers';
import { type ChildEnd, hasCrashed, startChild, ToolCrash, whyNotDone } from '../kernel/child.js';
import { PotctlError } from '../kernel/errors.js';
import { newestTool, type ToolSearch } from '../postgres/tools.js';
import { parseToc, type TocEntry } from './toc.js';
import { checkMembersWhole } from './whole-members.js';

/**
 * Reads dumps with pg_restore, without a server. All functions throw E_BACKUP_CORRUPT for a damaged dump, and E_TOOL_OLD or E_TOOL_FAILED
 * if it could not be read for another reason.
 */
export interface DumpReader {
  toc(dumpFolder: string): Promise<readonly TocEntry[]>;
  /** Unpacks every member and discards the output. */
  unpack(dumpFolder: string): Promise<void>;
  /**
   * Prints the whole dump as SQL, with CREATE DATABASE if it contains that. The bytes are valid until `take` returns; if it throws,
   * printing stops.
   */
  script(dump: string, take: (bytes: Buffer) => void): Promise<void>;
  /** Returns the header of the table of contents, e.g. `dbname` → `app`, `Archive created at` → `2026-11-22 09:50:46 UTC`. */
  header(dump: string): Promise<ReadonlyMap<string, string>>;
}

/** Every list of pg_restore has this line in its header. */
const LISTED = /^; +TOC Entries: \d+$/m;

/**
 * Opens the newest installed pg_restore to read dumps without a server; null if none is installed. Caches the list of the last dump, since
 * stored dumps do not change.
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
      await checkMembersWhole(dumpFolder, signal);
    },
  };
}

/** Parses header lines: `;     dbname: app` → `dbname`, `app`. */
function parseHeader(listed: string): Map<string, string> {
  const lines = [...listed.matchAll(/^; +([^:\n]+): (.*)$/gm)].map(([, key, value]) => [key!, value!] as const);
  const created = /^; Archive created at (.+)$/m.exec(listed)?.[1];
  return new Map(created === undefined ? lines : [...lines, ['Archive created at', created]]);
}

/**
 * Returns the error for a failed pg_restore. Only its own messages about the dump prove damage: if it was killed or could not start, they
 * prove nothing.
 */
function unreadable(end: ChildEnd): PotctlError {
  const why =
    end.startError ??
    (end.stderrTail.join('; ') ||
      (end.signal === null ? `it exited with status ${end.exitCode}` : `it was killed by ${end.signal}`));
  if (why.includes('unsupported version')) {
    return new PotctlError('E_TOOL_OLD', 'pg_restore is older than the pg_dump that created this backup', { why });
  }
  if (hasCrashed(end)) {
    return new ToolCrash('E_BACKUP_CORRUPT', 'pg_restore cannot read the dump', { why: `it crashed (${end.signal})` });
  }
  const lack = whyNotDone(end);
  if (lack !== null) return notRun(lack);
  if (!end.stderrTail.some((line) => line.startsWith('pg_restore: error: '))) return notRun(why);
  return new PotctlError('E_BACKUP_CORRUPT', 'pg_restore cannot read the dump', { why });
}

const notRun = (why: string): PotctlError => new PotctlError('E_TOOL_FAILED', 'pg_restore failed', { why });
