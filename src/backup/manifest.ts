import { z } from 'zod';

/**
 * What a backup says about itself. Version 2 is a superset of the v1 manifest
 * `{timestamp, version, database: {host, port, name, backup_file, size_bytes}, storage: {backup_file, size_bytes}}`.
 *
 * Rules: relative artefact paths only; sizes are integers in bytes; times RFC 3339 UTC with ms; hashes are lower-case SHA-256 hex of the
 * stored bytes; written once, canonical JSON (sorted keys), immutable: what happens later goes to events.ndjson. Unknown fields are kept.
 */
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const instant = z.iso.datetime({ offset: false, precision: 3 });

/** Inside the backup's folder: no absolute path, no `..`, no empty or `.` segment, no backslash, no control character. */
export const artefactPath = z
  .string()
  .max(512)
  .regex(/^(?!\/)(?!.*(?:^|\/)\.{1,2}(?:\/|$))(?!.*\/\/)[^\\\p{Cc}]+$/u, 'is no path inside of the backup');

const artefact = z.looseObject({ path: artefactPath, size, sha256 });

/** The rows of one dumped table. `count` null = not counted; `exact` false = the planner's estimate. */
const tableRows = z.looseObject({
  schema: z.string(),
  table: z.string(),
  count: size.nullable(),
  exact: z.boolean(),
  bytes: size,
  /** The member file in the dump directory, null when the table has no data entry. */
  member: artefactPath.nullable(),
});

const databasePart = z.looseObject({
  host: z.string(),
  port: z.number().int(),
  name: z.string(),
  backup_file: artefactPath,
  size_bytes: size,
  server: z.looseObject({
    version: z.string(),
    version_num: z.number().int(),
    /** null where the role may not read it. */
    system_identifier: z.string().nullable(),
    database_oid: z.number().int(),
    size_bytes: size,
    in_recovery: z.boolean(),
  }),
  /** What pg_restore into a new name loses (DESIGN §7.1); statements carry `%I` in the place of the database's name. */
  properties: z.looseObject({
    owner: z.string(),
    encoding: z.string(),
    collate: z.string(),
    ctype: z.string(),
    /** `c` libc, `i` icu, `b` builtin. */
    locale_provider: z.string(),
    icu_locale: z.string().nullable(),
    icu_rules: z.string().nullable(),
    tablespace: z.string(),
    connection_limit: z.number().int(),
    is_template: z.boolean(),
    allow_connections: z.boolean(),
    comment: z.string().nullable(),
    /** aclitem texts, null = the default grants. */
    acl: z.array(z.string()).nullable(),
    /** ALTER DATABASE … SET: role null = for everyone; `setting` is `name=value` as in pg_db_role_setting. */
    settings: z.array(z.looseObject({ role: z.string().nullable(), setting: z.string() })),
    security_labels: z.array(z.looseObject({ provider: z.string(), label: z.string() })),
    /** false when the schema `public` had been dropped: the restored database must lose it, too. */
    has_public_schema: z.boolean(),
  }),
  dump: z.looseObject({
    tool: z.string(),
    format: z.literal('directory'),
    jobs: z.number().int().positive(),
    compression: z.string(),
    options: z.array(z.string()),
    duration_ms: size,
  }),
  files: z.array(artefact),
  globals: z.looseObject({ file: artefactPath, role_passwords: z.boolean() }).nullable(),
  /** Every role that the dump or the properties refer to. */
  roles: z.array(z.string()),
  extensions: z.array(z.looseObject({ name: z.string(), version: z.string(), schema: z.string() })),
  /** Tablespaces that objects of the database use, besides pg_default. */
  tablespaces: z.array(z.string()),
  inventory: z.looseObject({
    toc_entries: size,
    tables: z.array(tableRows),
    rows_mode: z.enum(['exact', 'estimate', 'off']),
    rows_total: size.nullable(),
    sequences: z.array(
      z.looseObject({ schema: z.string(), name: z.string(), last_value: z.string(), is_called: z.boolean() }),
    ),
    large_objects: size,
  }),
});

const filesPart = z.looseObject({
  backup_file: artefactPath,
  size_bytes: size,
  engine: z.literal('archive'),
  engine_version: z.literal(1),
  root: z.string(),
  /** `zstd`, `gzip` or `none`. */
  compression: z.string(),
  /** One JSON line per archive member, in archive order: see files/list.ts. */
  list_file: artefactPath,
  files: size,
  directories: size,
  symlinks: size,
  bytes: size,
  /** Sockets and devices; not an error. */
  skipped: z.array(z.looseObject({ path: z.string(), reason: z.string() })),
  /** Changed or vanished or unreadable in spite of retries: the backup is degraded. At most 1,000 are named. */
  incomplete: z.array(z.looseObject({ path: z.string(), reason: z.string() })),
  incomplete_total: size,
  excludes: z.array(z.string()),
  artefacts: z.array(artefact),
});

export const manifestSchema = z.looseObject({
  schema: z.literal('potctl.manifest'),
  schema_version: z.string().regex(/^2\.\d+$/),
  version: z.string(),
  id: z.string().regex(/^\d{8}T\d{6}Z-[0-9a-f]{6}$/),
  /** Start of the backup. */
  timestamp: instant,
  finished_at: instant,
  status: z.enum(['complete', 'degraded']),
  degraded_reasons: z.array(z.string()),
  kind: z.enum(['logical', 'safety']),
  /** `profile:NAME`, or `SYSTEM_IDENTIFIER/DATABASE`, or `files:PATH` (DESIGN §6). */
  set: z.string(),
  profile: z.string().nullable(),
  trace_id: z.string(),
  run_id: z.string(),
  tool: z.looseObject({ name: z.literal('potctl'), version: z.string(), node: z.string(), platform: z.string() }),
  host: z.looseObject({ hostname: z.string() }),
  note: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  snapshot: z
    .looseObject({ taken_at: instant, lsn: z.string().nullable(), isolation: z.literal('repeatable read') })
    .nullable(),
  consistency: z
    .looseObject({
      files_first_pass_end: instant.nullable(),
      files_second_pass_end: instant.nullable(),
      /** Files that the `references` query names, how many of them are not in the backup, and files that nobody names. null: no query. */
      referenced: size.nullable(),
      missing: size.nullable(),
      orphans: size.nullable(),
      missing_examples: z.array(z.string()),
    })
    .nullable(),
  database: databasePart.nullable(),
  storage: filesPart.nullable(),
  totals: z.looseObject({ artefacts: size, stored_bytes: size, source_bytes: size, duration_ms: size }),
  previous: z.string().nullable(),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type DatabasePart = z.infer<typeof databasePart>;
export type DatabaseProperties = DatabasePart['properties'];
export type FilesPart = z.infer<typeof filesPart>;
export type Artefact = z.infer<typeof artefact>;
export type TableRows = z.infer<typeof tableRows>;
