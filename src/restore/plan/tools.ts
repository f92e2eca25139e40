import path from 'node:path';
import { decompressionBlocker, isInstalled } from '../../archive/programs.js';
import type { DatabasePart, FilesPart } from '../../catalog/manifest.js';
import { PotctlError } from '../../kernel/errors.js';
import type { RestoreDeps } from '../deps.js';
import type { Blocker } from './assess.js';

/**
 * Blockers for missing programs, checked before anything starts: otherwise they would show only after the database has been
 * restored.
 */
export async function toolBlockers(
  deps: Pick<RestoreDeps, 'server' | 'signal' | 'childEnvironment'>,
  folder: string,
  parts: { readonly database: DatabasePart | null; readonly storage: FilesPart | null },
): Promise<Blocker[]> {
  const files = parts.storage === null ? [] : filesBlockers(parts.storage, deps.childEnvironment);
  return parts.database === null ? files : [...files, ...(await dumpBlockers(deps, folder, parts.database))];
}

/** The programs that unpacking the archive needs. */
export function filesBlockers({ compression }: FilesPart, environment: Readonly<Record<string, string>>): Blocker[] {
  const tar = isInstalled('tar', environment)
    ? []
    : [{ code: 'E_TOOL_MISSING', text: 'the program "tar" is not installed', fix: ['apt install tar'] } as const];
  const text = decompressionBlocker(compression, environment);
  return text === null ? tar : [...tar, { code: 'E_TOOL_MISSING', text, fix: ['apt install zstd'] }];
}

/** The server's pg_restore must be able to read the dump, which a newer version may have written. */
async function dumpBlockers(
  { server, signal }: Pick<RestoreDeps, 'server' | 'signal'>,
  folder: string,
  { dump, backup_file }: DatabasePart,
): Promise<Blocker[]> {
  try {
    if (dump.format === 'plain') await server!.tool('psql');
    else
      await server!.runTool('pg_restore', ['--list', path.join(folder, backup_file)], { database: 'postgres', signal });
    return [];
  } catch (error) {
    if (!(error instanceof PotctlError) || !['E_TOOL_OLD', 'E_TOOL_MISSING'].includes(error.code)) throw error;
    return [{ code: error.code, text: error.message, fix: error.fix }];
  }
}
