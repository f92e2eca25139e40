import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ErrorCode } from '../../error-catalog.js';
import { PotctlError } from '../../errors.js';
import type { Server } from '../../postgres/server.js';
import type { DatabasePart } from '../manifest.js';

const GLOBALS_FILE = 'db/globals.sql';
const LAST_WORDS = '-- PostgreSQL database cluster dump complete';

export interface GlobalsResult {
  readonly globals: DatabasePart['globals'];
  readonly degraded: readonly string[];
}

/**
 * Writes roles, memberships and tablespaces of the whole server to `<folder>/db/globals.sql`.
 *
 * Who may not read password hashes gets them without, which is recorded and no reason for `degraded`: such a role cannot do better. Everybody may
 * read the rest, so any other failure makes the backup degraded: it holds the data, but not the roles they belong to.
 *
 * @throws E_NO_SPACE, E_DB_UNREACHABLE, E_TOOL_MISSING, what aborted it
 */
export async function dumpGlobals(server: Server, folder: string, signal: AbortSignal): Promise<GlobalsResult> {
  try {
    await runDumpAll(server, folder, signal, []);
    return { globals: { file: GLOBALS_FILE, role_passwords: true }, degraded: [] };
  } catch (error) {
    if (!isOf(error, 'E_DB_DENIED')) return without(folder, error);
  }
  try {
    await runDumpAll(server, folder, signal, ['--no-role-passwords']);
    return { globals: { file: GLOBALS_FILE, role_passwords: false }, degraded: [] };
  } catch (error) {
    return without(folder, error);
  }
}

/** What it has written by then is no artefact. */
async function without(folder: string, error: unknown): Promise<GlobalsResult> {
  if (!isOf(error, 'E_DB_DENIED', 'E_TOOL_FAILED')) throw error;
  await rm(path.join(folder, GLOBALS_FILE), { force: true });
  return { globals: null, degraded: [`the roles could not be dumped: ${error.message}`] };
}

async function runDumpAll(server: Server, folder: string, signal: AbortSignal, more: readonly string[]): Promise<void> {
  const { database } = server.settings;
  // The database that the backup is of can be reached for certain; in quotes, because pg_dumpall would take `a=b` for settings.
  const where = `dbname='${database.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const args = [
    '--globals-only',
    `--database=${where}`,
    '--no-sync',
    `--file=${path.join(folder, GLOBALS_FILE)}`,
    ...more,
  ];
  await server.runTool('pg_dumpall', args, { database, signal });
  const text = await readFile(path.join(folder, GLOBALS_FILE), 'utf8');
  if (text.includes(LAST_WORDS)) return;
  throw new PotctlError('E_TOOL_FAILED', "'pg_dumpall' ended well, but its last line is missing");
}

function isOf(error: unknown, ...codes: ErrorCode[]): error is PotctlError {
  return error instanceof PotctlError && codes.includes(error.code);
}
