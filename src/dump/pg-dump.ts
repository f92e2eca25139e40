import path from 'node:path';
import type { DatabasePart } from '../catalog/manifest.js';
import { PotctlError } from '../kernel/errors.js';
import type { Server } from '../postgres/server.js';
import type { DumpRequest } from './request.js';
import { DUMP_FOLDER } from './tables.js';

/** From here on pg_dump writes zstd: faster than gzip 1, and smaller. */
const FIRST_WITH_ZSTD = 16;

export interface PgDumpRequest extends Pick<DumpRequest, 'folder' | 'jobs' | 'lockWaitMs'> {
  readonly snapshotId: string;
  readonly signal: AbortSignal;
  /** `schema.table`, without quotes, when its rows begin to be written. */
  readonly onTable: (name: string) => void;
  /** Called once pg_dump holds every table; it may be called again. */
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
    // Publishing the backup makes everything durable once.
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
      // It locks them at the end of that step, before it names the next one.
      if (reading) onLocked();
      reading ||= line.includes('reading user-defined tables');
    },
  });
}

/** A pg_dump built without zstd says so before it connects or writes anything. */
function isAboutZstd(error: unknown): boolean {
  return (
    error instanceof PotctlError && typeof error.why === 'string' && /does not support compression/.test(error.why)
  );
}
