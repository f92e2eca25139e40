import { execFile } from 'node:child_process';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';

const run = promisify(execFile);
const MIB = 1024 * 1024;

/** What 3dPot's backup.py is told, by its flags and its environment. */
export interface OldBackup {
  readonly database: string;
  /** null: --skip-storage, or a failure that it calls non-critical. */
  readonly storage: string | null;
  /** `--backup-dir`, as typed: relative to `cwd`. */
  readonly backupDir: string;
  readonly cwd: string;
  readonly timestamp?: string;
  readonly dialect?: 'scripts' | 'documents';
}

/** The files of a set, absolute. */
export interface OldFiles {
  readonly folder: string;
  readonly dump: string;
  readonly archive: string | null;
  readonly manifest: string;
}

/** Runs the very commands of 3dPot's backup.py, and writes its manifest as it does. */
export async function oldBackup(request: OldBackup): Promise<OldFiles> {
  const { database, storage, backupDir, cwd, timestamp = '20261122_095046' } = request;
  const folder = path.resolve(cwd, backupDir);
  await mkdir(folder, { recursive: true });
  const dump = path.join(backupDir, `db_backup_${timestamp}.sql`);
  const archive = storage === null ? null : path.join(backupDir, `storage_backup_${timestamp}.tar.gz`);
  await pgTool('pg_dump', ['-d', database, '-F', 'c', '-f', dump, '--verbose'], cwd);
  if (archive !== null)
    await run('tar', ['-czf', archive, '-C', path.dirname(storage!), path.basename(storage!)], { cwd });
  const manifest = path.join(folder, `backup_manifest_${timestamp}.json`);
  const set = { folder, dump: path.resolve(cwd, dump), archive: archive && path.resolve(cwd, archive), manifest };
  await writeFile(manifest, JSON.stringify(await manifestOf(request, { dump, archive, timestamp }), null, 2));
  return set;
}

/** A tool of the cluster's own folder, as the scripts called it. */
export async function pgTool(name: string, args: readonly string[], cwd = '/'): Promise<void> {
  const { host, port, user, binaries } = inject('postgres');
  await run(path.join(binaries, name), ['-h', host, '-p', String(port), '-U', user, ...args], { cwd });
}

async function manifestOf(
  { database, cwd, dialect = 'scripts' }: OldBackup,
  { dump, archive, timestamp }: { readonly dump: string; readonly archive: string | null; readonly timestamp: string },
): Promise<object> {
  const { port } = inject('postgres');
  const size = async (file: string): Promise<number> => (await stat(path.resolve(cwd, file))).size;
  const bytes = { dump: await size(dump), archive: archive === null ? 0 : await size(archive) };
  if (dialect === 'documents') {
    const iso = timestamp.replace(/^(....)(..)(..)_(..)(..)(..)$/, '$1-$2-$3T$4:$5:$6Z');
    return {
      timestamp: iso,
      version: '1.0',
      database: { host: 'localhost', port, name: database, backup_file: path.basename(dump), size_bytes: bytes.dump },
      storage: archive === null ? null : { backup_file: path.basename(archive), size_bytes: bytes.archive },
    };
  }
  return {
    timestamp,
    backup_date: '2026-11-22T09:50:46.937931',
    database: { host: '127.0.0.1', port: String(port), database, backup_file: dump, size_mb: bytes.dump / MIB },
    storage: { backup_file: archive, size_mb: bytes.archive / MIB },
    total_size_mb: (bytes.dump + bytes.archive) / MIB,
  };
}
