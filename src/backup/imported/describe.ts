import path from 'node:path';
import { listImported } from '../../archive/imported/archive.js';
import { LIST_FILE } from '../../archive/list.js';
import type { Artifact, DatabasePart, FilesPart } from '../../catalog/manifest.js';
import type { DumpReader } from '../../dump/dump-reader.js';
import { type ScannedDump, scanDump } from '../../dump/scan-dump.js';
import { PotctlError } from '../../kernel/errors.js';
import { advice, again } from '../../kernel/next.js';
import type { Progress } from '../../kernel/progress.js';
import { hashFile } from '../../storage/hash.js';
import { filesOf, layoutOf } from './layout.js';
import type { Source } from './source.js';

/** What describing a source depends on. */
export interface DescribeDeps {
  /** null if pg_restore is not installed: only plain dumps can be read then. */
  readonly dumpReader: DumpReader | null;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** What the operator adds if the files do not tell it. */
export interface DescribeOptions {
  /** The name of the dumped database. */
  readonly databaseName: string | null;
  /** The directory that the files belong in; null = as named in the archive. */
  readonly filesRoot: string | null;
  /** Whether a single folder at the top of the archive stands for the tree itself. */
  readonly stripTop: boolean;
}

/** The parts of a source after reading all of it. */
export interface Described {
  readonly database: DatabasePart | null;
  readonly storage: FilesPart | null;
  /** The dump creates tables but contains no rows. */
  readonly schemaOnly: boolean;
}

/**
 * Reads a source completely and describes it as a manifest does: hashes, row counts of every table, every file. The artifacts are in
 * `folder` as {@link layoutOf} says; the list of files is written there.
 *
 * @throws E_BACKUP_CORRUPT (truncated, damaged), E_REFUSED (the dump and its manifest name different databases; the dump reaches outside
 * its database), E_USAGE (a name is missing), E_MANIFEST, E_TOOL_*, E_NO_SPACE, E_IO
 */
export async function describeSource(
  deps: DescribeDeps,
  source: Source,
  folder: string,
  options: DescribeOptions,
): Promise<Described> {
  const header = await headerOf(deps, source, folder);
  const dump = source.dump === null ? null : await describeDump(deps, source, folder, { header, options });
  const storage = source.archive === null ? null : await describeArchive(deps, source, folder, options);
  return { database: dump?.database ?? null, storage, schemaOnly: dump?.schemaOnly ?? false };
}

type Header = ReadonlyMap<string, string>;

async function headerOf({ dumpReader }: DescribeDeps, source: Source, folder: string): Promise<Header> {
  if (source.dump === null || source.dump.format === 'plain') return new Map();
  if (dumpReader !== null) return dumpReader.header(path.join(folder, layoutOf(source).dump!));
  throw new PotctlError('E_TOOL_MISSING', "the dump cannot be read: 'pg_restore' is not installed");
}

async function describeDump(
  { dumpReader, signal, progress }: DescribeDeps,
  source: Source,
  folder: string,
  { header, options }: { readonly header: Header; readonly options: DescribeOptions },
): Promise<{ readonly database: DatabasePart; readonly schemaOnly: boolean }> {
  const found = source.dump!;
  const place = layoutOf(source).dump!;
  const name = databaseName(source, header.get('dbname'), options.databaseName);
  progress({ kind: 'phase', name: 'hashes' });
  const files = await hashAll(folder, place, signal);
  progress({ kind: 'phase', name: 'dump' });
  let done = 0;
  const onBytes = (bytes: number): void => {
    done += bytes;
    progress({ kind: 'bytes', done });
  };
  const dump = { ...found, path: path.join(folder, place), name: path.basename(found.file) };
  const scanned = await scanDump(dump, dumpReader, signal, onBytes);
  progress({ kind: 'done', name: 'dump', facts: { tables: scanned.facts.tables.length, rows: rowsOf(scanned) } });
  const { host, port } = source.set?.manifest.database ?? { host: null, port: null };
  const database = {
    ...{ host, port, name, backup_file: place, files },
    size_bytes: files.reduce((sum, { size }) => sum + size, 0),
    properties: null,
    told: scanned.facts.database,
    globals: null,
    ...partsOf(scanned, header, found, place),
  };
  return { database, schemaOnly: scanned.facts.created > 0 && scanned.facts.tables.length === 0 };
}

function partsOf(
  scanned: ScannedDump,
  header: Header,
  { format, compression }: NonNullable<Source['dump']>,
  place: string,
): Pick<DatabasePart, 'server' | 'dump' | 'roles' | 'extensions' | 'tablespaces' | 'inventory'> {
  const { facts, textBytes } = scanned;
  const member = format === 'directory' ? `${place}/toc.dat` : place;
  return {
    server: { ...UNKNOWN_SERVER, version: facts.serverVersion, version_num: versionNumber(facts.serverVersion) },
    dump: {
      tool: `pg_dump ${facts.toolVersion ?? 'of an unknown version'}`,
      format,
      jobs: null,
      compression: header.get('Compression') ?? compression,
      options: [],
      duration_ms: null,
    },
    roles: [...facts.roles],
    extensions: facts.extensions.filter(({ name }) => name !== 'plpgsql'),
    tablespaces: [...facts.tablespaces],
    inventory: {
      toc_entries: Number(header.get('TOC Entries') ?? 0),
      tables: facts.tables.map(({ schema, table, rows, bytes, partitioned }) => ({
        ...{ schema, table, count: rows, exact: true, bytes, member },
        ...(partitioned ? { partitioned } : {}),
      })),
      rows_mode: 'exact',
      rows_total: rowsOf(scanned),
      sequences: [...facts.sequences],
      large_objects: facts.largeObjects,
      not_valid: facts.notValid,
      text_bytes: textBytes,
    },
  };
}

const UNKNOWN_SERVER = { system_identifier: null, database_oid: null, size_bytes: null, in_recovery: null } as const;

const rowsOf = ({ facts }: ScannedDump): number => facts.tables.reduce((sum, { rows }) => sum + rows, 0);

/** Returns the name of the database: from the dump. A different name in the manifest is refused. The operator may overrule both. */
function databaseName({ set, dump }: Source, dumped: string | undefined, chosen: string | null): string {
  const claimed = set?.manifest.database.name;
  if (chosen !== null) return chosen;
  if (dumped !== undefined && claimed !== undefined && dumped !== claimed) {
    throw new PotctlError('E_REFUSED', `the dump is of the database "${dumped}", but its manifest says "${claimed}"`, {
      why: 'the dump and the manifest do not belong together',
      fix: [advice`To import it anyway: ${again('--database-name', dumped)}`],
    });
  }
  const name = dumped ?? claimed;
  if (name !== undefined) return name;
  throw new PotctlError('E_USAGE', `the dump '${path.basename(dump!.file)}' does not name its database`, {
    fix: [advice`Name it: ${again('--database-name', 'NAME')}`],
  });
}

async function describeArchive(
  { signal, progress }: DescribeDeps,
  source: Source,
  folder: string,
  { stripTop, filesRoot }: DescribeOptions,
): Promise<FilesPart> {
  const { compression, file } = source.archive!;
  const place = layoutOf(source).archive!;
  progress({ kind: 'phase', name: 'files' });
  const stored = path.join(folder, place);
  const [archive] = await hashAll(folder, place, signal);
  const listed = await listImported({ file: stored, compression, stripTop }, folder, { signal, progress }).catch(
    named(file),
  );
  const { totals, list, topFolder, skipped } = listed;
  progress({ kind: 'done', name: 'files', facts: { files: totals.files, bytes: totals.bytes } });
  return {
    ...{ backup_file: place, size_bytes: archive!.size + list.size, engine: 'tar', engine_version: 1 },
    root: filesRoot ?? topFolder ?? path.basename(file),
    ...{ compression, list_file: LIST_FILE, ...totals, skipped, incomplete: [], incomplete_total: 0, excludes: [] },
    artefacts: [archive!, { path: LIST_FILE, ...list }],
    top_folder: topFolder,
  };
}

/** Reports damage with the file name that the operator knows. */
const named =
  (file: string) =>
  (error: unknown): never => {
    if (!(error instanceof PotctlError) || error.code !== 'E_BACKUP_CORRUPT') throw error;
    throw new PotctlError('E_BACKUP_CORRUPT', `the archive '${path.basename(file)}' is damaged`, {
      why: error.message,
      cause: error,
    });
  };

async function hashAll(folder: string, place: string, signal: AbortSignal): Promise<Artifact[]> {
  const files = await filesOf(path.join(folder, place));
  const hashed: Artifact[] = [];
  for (const file of files) hashed.push({ path: path.relative(folder, file), ...(await hashFile(file, signal)) });
  return hashed;
}

/** `15.18` → 150018, `9.6.3` → 90603. */
function versionNumber(version: string | null): number | null {
  if (version === null) return null;
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return major >= 10 ? major * 10_000 + minor : major * 10_000 + minor * 100 + patch;
}
