import type { Manifest } from './manifest.js';

/** What a catalogue keeps of a manifest: everything but the lists that grow with the number of tables and files. */
export interface ManifestSummary
  extends Pick<
    Manifest,
    | 'id'
    | 'timestamp'
    | 'finished_at'
    | 'status'
    | 'degraded_reasons'
    | 'kind'
    | 'set'
    | 'profile'
    | 'trace_id'
    | 'run_id'
    | 'note'
    | 'labels'
    | 'totals'
    | 'previous'
  > {
  readonly tool: { readonly version: string };
  readonly hostname: string;
  readonly database: DatabaseSummary | null;
  readonly storage: StorageSummary | null;
}

export interface DatabaseSummary {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Stored bytes. */
  readonly size_bytes: number;
  readonly server_version: string;
  readonly system_identifier: string | null;
  /** Bytes that the database took on its server. */
  readonly database_bytes: number;
  readonly format: string;
  readonly dump_ms: number;
  readonly tables: number;
  readonly rows_total: number | null;
  readonly rows_mode: 'exact' | 'estimate' | 'off';
  readonly large_objects: number;
}

export interface StorageSummary {
  readonly root: string;
  /** Stored bytes. */
  readonly size_bytes: number;
  readonly compression: string;
  readonly files: number;
  /** Bytes that the files took in the tree. */
  readonly bytes: number;
  readonly skipped: number;
  readonly incomplete_total: number;
}

/** Keeps what a list shows. */
export function summarise(manifest: Manifest): ManifestSummary {
  const { id, timestamp, finished_at, status, degraded_reasons, kind, set, profile, trace_id, run_id } = manifest;
  const { note, labels, totals, previous, tool, host } = manifest;
  return {
    ...{ id, timestamp, finished_at, status, degraded_reasons, kind, set, profile, trace_id, run_id },
    ...{ note, labels, totals, previous },
    tool: { version: tool.version },
    hostname: host.hostname,
    database: manifest.database && summariseDatabase(manifest.database),
    storage: manifest.storage && summariseStorage(manifest.storage),
  };
}

function summariseDatabase({
  name,
  host,
  port,
  size_bytes,
  server,
  dump,
  inventory,
}: NonNullable<Manifest['database']>): DatabaseSummary {
  return {
    name,
    host,
    port,
    size_bytes,
    server_version: server.version,
    system_identifier: server.system_identifier,
    database_bytes: server.size_bytes,
    format: dump.format,
    dump_ms: dump.duration_ms,
    tables: inventory.tables.length,
    rows_total: inventory.rows_total,
    rows_mode: inventory.rows_mode,
    large_objects: inventory.large_objects,
  };
}

function summariseStorage(storage: NonNullable<Manifest['storage']>): StorageSummary {
  const { root, size_bytes, compression, files, bytes, skipped, incomplete_total } = storage;
  return { root, size_bytes, compression, files, bytes, skipped: skipped.length, incomplete_total };
}
