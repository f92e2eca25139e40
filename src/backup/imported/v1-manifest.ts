import { createHash } from 'node:crypto';
import path from 'node:path';
import { PotctlError } from '../../kernel/errors.js';

/** A file of a v1 backup: its path and size according to the manifest. */
export interface V1Artifact {
  /** As written in the manifest: usually relative to the working directory of the script. */
  readonly path: string;
  /** Bytes; null = not recorded. */
  readonly size: number | null;
  /** Tolerance in bytes: the documentation of the scripts shows sizes in MiB rounded to two decimals. */
  readonly sizeWithin: number;
}

/** A manifest of 3dPot's scripts, in either dialect. */
export interface V1Manifest {
  /** The name that the old scripts gave it: `20261122_095046`. */
  readonly name: string;
  /** Its potctl id, always the same for the same manifest. */
  readonly id: string;
  /** RFC 3339; the time as written, read as UTC if it has no zone. */
  readonly takenAt: string;
  readonly database: V1Artifact & {
    readonly name: string;
    readonly host: string | null;
    readonly port: number | null;
  };
  /** null = skipped or failed: the manifest does not say which. */
  readonly storage: V1Artifact | null;
}

const MIB = 1024 * 1024;

/**
 * Parses a v1 manifest: `{timestamp: "20261122_095046", database: {database, port: "5432", size_mb, …}}` as the scripts wrote it, and
 * `{timestamp: "…Z", version: "1.0", database: {name, port: 5432, size_bytes, …}}` as in their documentation and tests.
 *
 * @throws E_MANIFEST with the missing or invalid field
 */
export function parseV1Manifest(bytes: Buffer, file: string): V1Manifest {
  const value = parseObject(bytes, file);
  const wrong = (field: string): PotctlError =>
    new PotctlError('E_MANIFEST', `'${file}' is not a manifest of the old scripts`, {
      why: `${field} is missing or invalid`,
    });
  const takenAt = timeOf(value['timestamp']);
  if (takenAt === null) throw wrong('timestamp');
  const database = asObject(value['database']);
  if (database === null) throw wrong('database');
  const dump = artifactOf(database);
  if (dump === null) throw wrong('database.backup_file');
  const name = database['name'] ?? database['database'];
  if (typeof name !== 'string' || name === '' || name.includes('\0')) throw wrong('database.name');
  const storage = asObject(value['storage']);
  const archive = storage === null ? null : artifactOf(storage);
  if (storage !== null && archive === null && storage['backup_file'] != null) throw wrong('storage.backup_file');
  const port = Number(database['port']);
  const digits = takenAt.slice(0, 19).replace(/[-:]/g, '');
  return {
    name: digits.replace('T', '_'),
    id: `${digits}Z-${createHash('sha256').update(bytes).digest('hex').slice(0, 6)}`,
    takenAt,
    database: {
      ...dump,
      name,
      host: typeof database['host'] === 'string' ? database['host'] : null,
      port: Number.isInteger(port) && port > 0 && port < 65_536 ? port : null,
    },
    storage: archive,
  };
}

/** Returns whether a JSON text looks like a v1 manifest, complete or not. Cheap, to find manifests among other files. */
export function looksLikeV1(text: string): boolean {
  return text.includes('"timestamp"') && text.includes('"database"') && !text.includes('"potctl.manifest"');
}

function parseObject(bytes: Buffer, file: string): Readonly<Record<string, unknown>> {
  try {
    const value = asObject(JSON.parse(bytes.toString('utf8')));
    if (value !== null) return value;
  } catch (error) {
    throw new PotctlError('E_MANIFEST', `the manifest '${file}' is damaged`, {
      why: 'not JSON: truncated or overwritten',
      cause: error,
    });
  }
  throw new PotctlError('E_MANIFEST', `the manifest '${file}' is damaged`, { why: 'not a JSON object' });
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

/** Parses `20261122_095046`, or ISO 8601 with or without a zone. */
function timeOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)$/.exec(value) ?? [];
  const iso = year === undefined ? value : `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?$/.test(iso)) return null;
  const time = new Date(/(?:Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

function artifactOf(part: Readonly<Record<string, unknown>>): V1Artifact | null {
  const { backup_file: file, size_bytes: bytes, size_mb: mebibytes } = part;
  if (typeof file !== 'string' || file === '' || file.includes('\0') || path.posix.basename(file).startsWith('..')) {
    return null;
  }
  if (isSize(bytes)) return { path: file, size: bytes, sizeWithin: 0 };
  if (!isSize(mebibytes)) return { path: file, size: null, sizeWithin: 0 };
  // Rounded or truncated: the real size differs by less than one unit of the last digit.
  return { path: file, size: Math.round(mebibytes * MIB), sizeWithin: Math.round(MIB * 10 ** -decimalsOf(mebibytes)) };
}

function decimalsOf(value: number): number {
  const [digits = '', exponent = '0'] = String(value).split('e');
  return (digits.split('.')[1]?.length ?? 0) - Number(exponent);
}

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
