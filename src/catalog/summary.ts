import type { Manifest } from './manifest.js';

/** What the catalog keeps of a manifest: everything but the lists that grow with the number of tables and files. */
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
  /** null = potctl created it. */
  readonly imported: { readonly source: 'v1' | 'bare'; readonly name: string; readonly folder: string } | null;
  readonly tool: { readonly version: string };
  readonly hostname: string;
  readonly database: DatabaseSummary | null;
  readonly storage: StorageSummary | null;
}

export interface DatabaseSummary {
  readonly name: string;
  /** null, like other fields, if an imported backup does not say it. */
  readonly host: string | null;
  readonly port: number | null;
  /** Stored bytes. */
  readonly size_bytes: number;
  readonly server_version: string | null;
  readonly system_identifier: string | null;
  /** Size of the database on its server, in bytes. */
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
  /** null for an imported archive that was not read yet. */
  readonly files: number | null;
  /** Size of the files in the tree, in bytes. */
  readonly bytes: number | null;
  readonly skipped: number;
  readonly incomplete_total: number;
}

/** Summarizes a manifest for lists. */
export function summarize(manifest: Manifest): ManifestSummary {
  const { id, timestamp, finished_at, status, degraded_reasons, kind, set, profile, trace_id, run_id } = manifest;
  const { note, labels, totals, previous, tool, host } = manifest;
  return {
    ...{ id, timestamp, finished_at, status, degraded_reasons, kind, set, profile, trace_id, run_id },
    ...{ note, labels, totals, previous },
    tool: { version: tool.version },
    hostname: host.hostname,
    imported: manifest.imported ?? null,
    database: manifest.database && summarizeDatabase(manifest.database),
    storage: manifest.storage && summarizeStorage(manifest.storage),
  };
}

function summarizeDatabase({
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

function summarizeStorage(storage: NonNullable<Manifest['storage']>): StorageSummary {
  const { root, size_bytes, compression, files, bytes, skipped, incomplete_total } = storage;
  return { root, size_bytes, compression, files, bytes, skipped: skipped.length, incomplete_total };
}
