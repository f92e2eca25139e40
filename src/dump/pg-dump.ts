import path from 'node:path';
import type { DatabasePart } from '../catalog/manifest.js';
import { PotctlError } from '../kernel/errors.js';
import type { Server } from '../postgres/server.js';
import type { DumpRequest } from './request.js';
import { DUMP_FOLDER } from './tables.js';

/** The first version that writes zstd: faster than gzip 1, and smaller. */
const FIRST_WITH_ZSTD = 16;

export interface PgDumpRequest extends Pick<DumpRequest, 'folder' | 'jobs' | 'lockWaitMs'> {
  readonly snapshotId: string;
  readonly signal: AbortSignal;
  /** Called with `schema.table`, without quotes, when pg_dump starts writing its rows. */
  readonly onTable: (name: string) => void;
  /** Called when pg_dump has locked every table; may be called repeatedly. */
  readonly onLocked: () => void;
}

/**
 * Runs pg_dump into `<folder>/db/dump` (which must not exist) within an exported snapshot.
 *
 * @throws E_DB_LOCKED after `lockWaitMs`, E_DB_DENIED, E_NO_SPACE, E_TOOL_*, E_DB_UNREACHABLE
 */
export async function runPgDump(server: Server, request: PgDumpRequest): Promise<DatabasePart['dump']> {
  const { version, major } = await server.tool('pg_dump');
  const started = process.hrtime.bigint();
  const run = async (compression: string) => {
    const options = [...dumpOptions(request), `--compress=${compression}`];
    await runOnce(server, request, options);
    return {
      tool: `pg_dump ${version}`,
      format: 'directory' as const,
      jobs: request.jobs,
      compression: compression.includes(':') ? compression : `gzip:${compression}`,
      options,
      duration_ms: Number((process.hrtime.bigint() - started) / 1_000_000n),
    };
  };
  if (major < FIRST_WITH_ZSTD) return run('1');
  return run('zstd:1').catch((error: unknown) => {
    if (isAboutZstd(error)) return run('1');
    throw error;
  });
}

function dumpOptions({ jobs, lockWaitMs }: PgDumpRequest): string[] {
  return [
    '--format=directory',
    `--jobs=${jobs}`,
    `--lock-wait-timeout=${Math.trunc(lockWaitMs)}`,
    // Publishing the backup syncs everything once.
    '--no-sync',
  ];
}

async function runOnce(server: Server, request: PgDumpRequest, options: readonly string[]): Promise<void> {
  const { folder, snapshotId, signal, onTable, onLocked } = request;
  let reading = false;
  const args = [...options, `--snapshot=${snapshotId}`, '--verbose', `--file=${path.join(folder, DUMP_FOLDER)}`];
  await server.runTool('pg_dump', args, {
    database: server.settings.database,
    signal,
    onStderrLine: (line) => {
      const match = /dumping contents of table "(.*)"$/.exec(line);
      if (match) onTable(match[1]!);
      // pg_dump locks the tables at the end of that step, before it names the next one.
      if (reading) onLocked();
      reading ||= line.includes('reading user-defined tables');
    },
  });
}

/** Returns whether pg_dump was built without zstd, which it reports before it connects or writes anything. */
function isAboutZstd(error: unknown): boolean {
  return (
    error instanceof PotctlError && typeof error.why === 'string' && /does not support compression/.test(error.why)
  );
}
