import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Artifact, DatabasePart, DescribedFiles, Manifest } from '../../catalog/manifest.js';
import { setOf } from '../../catalog/sets.js';
import type { Described } from './describe.js';
import type { OldSet } from './find-sets.js';
import { OLD_MANIFEST } from './layout.js';
import type { Source } from './source.js';

/** Who reads the old backups, and for which series. */
export interface Reader {
  readonly profile: string | null;
  /** The files directory of the target: names the series of a backup without a database. */
  readonly filesPath: string | null;
  readonly runId: string;
  readonly traceId: string;
  readonly hostname: string;
  readonly tool: Manifest['tool'];
}

/** Identity and origin of an imported backup. */
export interface ImportedAs {
  readonly id: string;
  /** RFC 3339 UTC. */
  readonly takenAt: string;
  /** Absolute path of the folder in which it was found, and its name there. */
  readonly folder: string;
  readonly name: string;
  readonly files: readonly string[];
}

/**
 * Composes the manifest of a backup that another program created. Pure. The time comes from its own manifest; unknown values are null.
 *
 * @param set null: files without a manifest
 */
export function composeImported(
  { database, storage, schemaOnly }: Omit<Described, 'storage'> & { readonly storage: DescribedFiles | null },
  set: OldSet | null,
  as: ImportedAs,
  { profile, filesPath, ...reader }: Reader,
): Manifest {
  const reasons = [...(schemaOnly ? [SCHEMA_ONLY] : []), ...degradedReasons(set, storage)];
  const facts = { systemIdentifier: null, filesPath: filesPath ?? storage?.root ?? null };
  return {
    schema: 'potctl.manifest',
    schema_version: '2.1',
    version: '2.1',
    ...{ id: as.id, timestamp: as.takenAt, finished_at: as.takenAt },
    status: reasons.length === 0 ? 'complete' : 'degraded',
    degraded_reasons: reasons,
    kind: 'logical',
    set: setOf({ ...facts, profile, database: database?.name ?? null }),
    profile,
    ...{ trace_id: reader.traceId, run_id: reader.runId, tool: reader.tool, host: { hostname: reader.hostname } },
    note:
      set === null ? `imported from ${as.name}` : `made by the old scripts as ${as.name}; its time has no time zone`,
    ...{ labels: {}, snapshot: null, consistency: null, database, storage },
    imported: {
      source: set === null ? 'bare' : 'v1',
      ...{ name: as.name, folder: as.folder, files: [...as.files] },
      manifest: set && manifestArtifact(set),
    },
    totals: totalsOf(database, storage),
    previous: null,
  };
}

function totalsOf(database: DatabasePart | null, storage: DescribedFiles | null): Manifest['totals'] {
  const artifacts = [...(database?.files ?? []), ...(storage?.artefacts ?? [])];
  return {
    artefacts: artifacts.length,
    stored_bytes: artifacts.reduce((sum, { size }) => sum + size, 0),
    source_bytes: (database?.inventory.text_bytes ?? 0) + (storage?.bytes ?? 0),
    duration_ms: 0,
  };
}

/** Returns the id of files without a manifest, made from their time and content. */
export function idOfFiles(takenAt: string, artifacts: readonly Pick<Artifact, 'sha256'>[]): string {
  const digits = takenAt.slice(0, 19).replace(/[-:]/g, '');
  const hash = createHash('sha256').update(artifacts.map(({ sha256 }) => sha256).join('\n'));
  return `${digits}Z-${hash.digest('hex').slice(0, 6)}`;
}

/** Returns what is known about a backup before reading it: enough to list and show it, not to restore it. */
export function unreadParts(set: OldSet): Parameters<typeof composeImported>[0] {
  const { name, host, port } = set.manifest.database;
  const dump = { path: 'db/dump', size: set.dumpSize, sha256: null };
  const archive = { path: 'files.tar', size: set.archiveSize, sha256: null };
  return {
    schemaOnly: false,
    database: {
      ...{ host, port, name, backup_file: dump.path, size_bytes: dump.size, files: [dump] },
      server: {
        version: null,
        version_num: null,
        system_identifier: null,
        database_oid: null,
        size_bytes: null,
        in_recovery: null,
      },
      ...{ properties: null, globals: null, roles: [], extensions: [], tablespaces: [] },
      dump: { tool: 'pg_dump', format: 'custom', jobs: null, compression: 'unknown', options: [], duration_ms: null },
      inventory: { toc_entries: 0, tables: [], rows_mode: 'off', rows_total: null, sequences: [], large_objects: 0 },
    },
    storage:
      set.archive === null
        ? null
        : { ...UNREAD_FILES, backup_file: archive.path, size_bytes: archive.size, artefacts: [archive] },
  };
}

const UNREAD_FILES = {
  ...{ engine: 'tar', engine_version: 1, root: 'the files', compression: 'unknown', list_file: null },
  ...{ files: null, directories: null, symlinks: null, bytes: null },
  ...{ skipped: [], incomplete: [], incomplete_total: 0, excludes: [] },
} satisfies Partial<DescribedFiles>;

/** Returns the folder, name and files of a source in its original location. */
export function placeOf({ set, dump, archive }: Source): Pick<ImportedAs, 'folder' | 'name' | 'files'> {
  const files = [dump?.file, archive?.file].filter((file) => file !== undefined);
  const first = set?.manifestFile ?? files[0]!;
  const names = files.map((file) => path.basename(file));
  return { folder: path.dirname(first), name: set?.manifest.name ?? path.basename(first), files: names };
}

function manifestArtifact({ manifestBytes }: OldSet): Artifact {
  return {
    path: OLD_MANIFEST,
    size: manifestBytes.length,
    sha256: createHash('sha256').update(manifestBytes).digest('hex'),
  };
}

const SCHEMA_ONLY = 'the dump has no rows: it only creates tables (pg_dump --schema-only?)';

function degradedReasons(set: OldSet | null, storage: DescribedFiles | null): string[] {
  if (set !== null && storage === null) {
    return [
      'it has no files: the old script was told to skip them or failed to archive them, and its manifest does not say which',
    ];
  }
  const isEmpty = storage?.files === 0 && storage.directories === 0;
  return isEmpty ? ['the archive of the files is empty: did the old script archive a symbolic link?'] : [];
}
