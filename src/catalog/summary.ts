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
  /** null = potctl made it. */
  readonly imported: { readonly source: 'v1' | 'bare'; readonly name: string; readonly folder: string } | null;
  readonly tool: { readonly version: string };
  readonly hostname: string;
  readonly database: DatabaseSummary | null;
  readonly storage: StorageSummary | null;
}

export interface DatabaseSummary {
  readonly name: string;
  /** null, like others here, where an imported backup does not tell it. */
  readonly host: string | null;
  readonly port: number | null;
  /** Stored bytes. */
  readonly size_bytes: number;
  readonly server_version: string | null;
  readonly system_identifier: string | null;
  /** Bytes that the database took on its server. */
  readonly database_bytes: number | null;
  readonly format: string;
  readonly dump_ms: number | null;
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
  /** null for another program's archive that was not read yet. */
  readonly files: number | null;
  /** Bytes that the files took in the tree. */
  readonly bytes: number | null;
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
    imported: manifest.imported ?? null,
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
