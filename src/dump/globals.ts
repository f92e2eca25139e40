import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DatabasePart } from '../catalog/manifest.js';
import type { ErrorCode } from '../kernel/error-catalog.js';
import { PotctlError } from '../kernel/errors.js';
import type { Server } from '../postgres/server.js';

const GLOBALS_FILE = 'db/globals.sql';
const LAST_WORDS = '-- PostgreSQL database cluster dump complete';

export interface GlobalsResult {
  readonly globals: DatabasePart['globals'];
  readonly degraded: readonly string[];
}

/**
 * Writes roles, memberships and tablespaces of the whole server to `<folder>/db/globals.sql`.
 *
 * A role that may not read password hashes gets the file without them. That is recorded, but no reason for `degraded`, because such a role
 * cannot do better. Any other failure makes the backup degraded: it has the data, but not the roles that own it.
 *
 * @throws E_NO_SPACE, E_DB_UNREACHABLE, E_TOOL_MISSING, what aborted it
 */
export async function dumpGlobals(server: Server, folder: string, signal: AbortSignal): Promise<GlobalsResult> {
  try {
    await connecting(() => runDumpAll(server, folder, signal, []), signal);
    return { globals: { file: GLOBALS_FILE, role_passwords: true }, degraded: [] };
  } catch (error) {
    if (!isOf(error, 'E_DB_DENIED')) return without(server, folder, error);
  }
  try {
    await connecting(() => runDumpAll(server, folder, signal, ['--no-role-passwords']), signal);
    return { globals: { file: GLOBALS_FILE, role_passwords: false }, degraded: [] };
  } catch (error) {
    return without(server, folder, error);
  }
}

/** Removes the partial file and returns a result without roles. */
async function without(server: Server, folder: string, error: unknown): Promise<GlobalsResult> {
  if (!isOf(error, 'E_DB_DENIED', 'E_TOOL_FAILED', 'E_UNFIT')) throw error;
  await rm(path.join(folder, GLOBALS_FILE), { force: true });
  const { message } = (await whyUnconnected(server, error)) ?? error;
  return { globals: null, degraded: [`the roles could not be dumped: ${message}`] };
}

const ATTEMPTS = 8;
const BETWEEN_MS = 250;

/** Retries while the connection is refused: with a tight limit the connection of the previous program may still count for a moment. */
async function connecting(run: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (error) {
      if (attempt === ATTEMPTS || !isUnconnected(error)) throw error;
      await delay(BETWEEN_MS, undefined, { signal });
    }
  }
}

const isUnconnected = (error: unknown): boolean =>
  error instanceof PotctlError && typeof error.why === 'string' && error.why.includes('could not connect to database');

/** pg_dumpall does not say why it could not connect, so connect again to find out. */
async function whyUnconnected(server: Server, failure: PotctlError): Promise<PotctlError | null> {
  if (!isUnconnected(failure)) return null;
  try {
    await (await server.session({ purpose: 'backup.roles' })).close();
    return null;
  } catch (error) {
    return error instanceof PotctlError ? error : null;
  }
}

async function runDumpAll(server: Server, folder: string, signal: AbortSignal, more: readonly string[]): Promise<void> {
  const { database } = server.settings;
  // The database that is backed up is known to be reachable. Quoted, because pg_dumpall would take `a=b` for settings.
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
  throw new PotctlError('E_TOOL_FAILED', "'pg_dumpall' reported success, but the last line of its output is missing");
}

function isOf(error: unknown, ...codes: ErrorCode[]): error is PotctlError {
  return error instanceof PotctlError && codes.includes(error.code);
}
