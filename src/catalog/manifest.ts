import * as z from 'zod';

/**
 * The manifest of a backup. Version 2 is a superset of the v1 manifest
 * `{timestamp, version, database: {host, port, name, backup_file, size_bytes}, storage: {backup_file, size_bytes}}`.
 *
 * Rules: artifact paths are relative; sizes are integers in bytes; times are RFC 3339 UTC with ms; hashes are lower-case SHA-256 hex of the
 * stored bytes. It is written once as canonical JSON (sorted keys) and never changed: later events go to events.ndjson. Unknown fields are
 * kept.
 *
 * Since 2.1 a manifest may describe a backup that another program created (`imported`): unknown values are null, never invented.
 */
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const instant = z.iso.datetime({ offset: false, precision: 3 });

/** A path inside the backup's folder: no absolute path, no `..`, no empty or `.` segment, no backslash, no control character. */
export const artifactPath = z
  .string()
  .max(512)
  .regex(/^(?!\/)(?!.*(?:^|\/)\.{1,2}(?:\/|$))(?!.*\/\/)[^\\\p{Cc}]+$/u, 'is not a path inside the backup');

/** `sha256` is null only for an imported backup that is listed but was not read yet. */
const artifact = z.looseObject({ path: artifactPath, size, sha256: sha256.nullable() });

/** The rows of one dumped table. `count` null = not counted; `exact` false = the planner's estimate. */
const tableRows = z.looseObject({
  schema: z.string(),
  table: z.string(),
  count: size.nullable(),
  exact: z.boolean(),
  bytes: size,
  /** The file in the dump directory; null if the table has no data entry. */
  member: artifactPath.nullable(),
  /** Only for an extension's configuration table: which rows are dumped and counted, `WHERE …`; empty = all of them. */
  condition: z.string().optional(),
  /** Only for an imported dump: the rows of its partitions were dumped through this table. */
  partitioned: z.boolean().optional(),
});

/** Properties that pg_restore does not restore under a new database name; statements have `%I` in place of the name. */
const properties = z.looseObject({
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
  /** false if the schema `public` was dropped: the restored database must not have it either. */
  has_public_schema: z.boolean(),
});

const databasePart = z.looseObject({
  /** null, like other fields of this part, if an imported backup does not say it. */
  host: z.string().nullable(),
  port: z.number().int().nullable(),
  name: z.string(),
  backup_file: artifactPath,
  size_bytes: size,
  server: z.looseObject({
    version: z.string().nullable(),
    version_num: z.number().int().nullable(),
    /** null if the role may not read it. */
    system_identifier: z.string().nullable(),
    database_oid: z.number().int().nullable(),
    size_bytes: size.nullable(),
    in_recovery: z.boolean().nullable(),
  }),
  properties: properties.nullable(),
  /** What an imported dump says about its database: all that is known if `properties` is null. */
  told: z
    .looseObject({
      owner: z.string().nullable(),
      encoding: z.string(),
      collate: z.string().nullable(),
      ctype: z.string().nullable(),
    })
    .nullable()
    .optional(),
  dump: z.looseObject({
    tool: z.string(),
    /** `custom` and `plain` only in imported backups; `plain` may be compressed. */
    format: z.enum(['directory', 'custom', 'plain']),
    jobs: z.number().int().positive().nullable(),
    compression: z.string(),
    options: z.array(z.string()),
    duration_ms: size.nullable(),
  }),
  files: z.array(artifact),
  globals: z.looseObject({ file: artifactPath, role_passwords: z.boolean() }).nullable(),
  /** Every role that the dump or the properties refer to. */
  roles: z.array(z.string()),
  extensions: z.array(z.looseObject({ name: z.string(), version: z.string().nullable(), schema: z.string() })),
  /** The newest entry of potctl's journal in the dump's snapshot: it lets `potctl audit verify` detect a truncated journal. */
  journal_anchor: z.looseObject({ seq: z.string(), hash: sha256, at: z.string() }).nullish(),
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
    /** Only for an imported dump: number of constraints created NOT VALID, and bytes of its text as SQL. */
    not_valid: size.optional(),
    text_bytes: size.optional(),
  }),
});

const filesPart = z.looseObject({
  backup_file: artifactPath,
  size_bytes: size,
  /** `archive`: potctl's own; `tar`: another program's tar archive. */
  engine: z.enum(['archive', 'tar']),
  engine_version: z.literal(1),
  root: z.string(),
  /** `zstd`, `gzip` or `none`. */
  compression: z.string(),
  /** One JSON line per archive member, in archive order: see src/archive/list.ts. */
  list_file: artifactPath.nullable(),
  /** These and the list are null only for an imported archive that was not read yet. */
  files: size.nullable(),
  directories: size.nullable(),
  symlinks: size.nullable(),
  bytes: size.nullable(),
  /** Skipped sockets and devices; not an error. */
  skipped: z.array(z.looseObject({ path: z.string(), reason: z.string() })),
  /** Files that changed, vanished or stayed unreadable after retries: the backup is degraded. At most 1,000 are named. */
  incomplete: z.array(z.looseObject({ path: z.string(), reason: z.string() })),
  incomplete_total: size,
  /** How many of them may be directories with unknown contents. */
  unlisted_total: size.optional(),
  excludes: z.array(z.string()),
  artefacts: z.array(artifact),
  /** Engine `tar`: the folder at the top of the archive that stands for the tree itself; null = none. */
  top_folder: z.string().nullable().optional(),
});

/** The origin of an imported backup. */
const imported = z.looseObject({
  /** `v1`: a backup of 3dPot's scripts; `bare`: files without a manifest. */
  source: z.enum(['v1', 'bare']),
  /** Its original name: the v1 timestamp, else the file name of the dump. */
  name: z.string(),
  /** Absolute path of the folder in which it was found. */
  folder: z.string(),
  files: z.array(z.string()),
  /** The v1 manifest as it was found. */
  manifest: artifact.nullable(),
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
  /** The series: `profile:NAME`, or `SYSTEM_IDENTIFIER/DATABASE`, or `files:PATH`. */
  set: z.string(),
  profile: z.string().nullable(),
  trace_id: z.string(),
  run_id: z.string(),
  tool: z.looseObject({ name: z.literal('potctl'), version: z.string(), node: z.string(), platform: z.string() }),
  host: z.looseObject({ hostname: z.string() }),
  /** How far the clock of the backup host was ahead of the database server's; null = no server was asked. */
  clock: z.looseObject({ ahead_of_server_ms: z.number().int() }).nullish(),
  note: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  snapshot: z
    .looseObject({ taken_at: instant, lsn: z.string().nullable(), isolation: z.literal('repeatable read') })
    .nullable(),
  consistency: z
    .looseObject({
      files_first_pass_end: instant.nullable(),
      files_second_pass_end: instant.nullable(),
      /**
       * Number of files that the `references` query returned, how many of them are missing from the backup, and how many files in the
       * backup nothing references. null: no query.
       */
      referenced: size.nullable(),
      missing: size.nullable(),
      orphans: size.nullable(),
      missing_examples: z.array(z.string()),
    })
    .nullable(),
  database: databasePart.nullable(),
  storage: filesPart.nullable(),
  /** null or missing: potctl created it. */
  imported: imported.nullable().optional(),
  totals: z.looseObject({ artefacts: size, stored_bytes: size, source_bytes: size, duration_ms: size }),
  previous: z.string().nullable(),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type DatabasePart = z.infer<typeof databasePart>;
export type DatabaseProperties = z.infer<typeof properties>;
/** A database with known properties: from its backup, or completed by the restore plan. */
export type SettledPart = DatabasePart & { readonly properties: DatabaseProperties };
export type DescribedFiles = z.infer<typeof filesPart>;
/** A file tree with a list of files: every one but an imported archive that was not read yet. */
export type FilesPart = DescribedFiles & {
  readonly list_file: string;
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly bytes: number;
};
export type Artifact = z.infer<typeof artifact>;
export type TableRows = z.infer<typeof tableRows>;
