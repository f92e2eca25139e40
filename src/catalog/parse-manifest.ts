import { PotctlError } from '../kernel/errors.js';
import { type Manifest, manifestSchema } from './manifest.js';

const MAX_CHARACTERS = 64 * 1024 * 1024;
const SHOWN_PROBLEMS = 5;
const RESERVED = new Set(['manifest.json', 'manifest.json.sha256', 'events.ndjson', 'events.ndjson.copy']);

/**
 * Parses a manifest of version 2. The text is not trusted. Unknown fields are kept.
 *
 * @throws PotctlError E_MANIFEST with the first problems: not JSON, larger than 64 MiB, another major version, a field that violates the
 * schema (paths outside the folder, sizes beyond 2^53, …), an artifact that is listed twice or not at all
 */
export function parseManifest(text: string): Manifest {
  const value = parseJson(text);
  refuseOtherVersions(value);
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    throw damaged(parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'manifest'}: ${message}`));
  }
  const problems = artifactProblems(parsed.data);
  if (problems.length > 0) throw damaged(problems);
  return parsed.data;
}

/**
 * Returns the canonical JSON of a value: keys sorted by UTF-16 code units, no white space, a line feed at the end. `undefined` members are
 * omitted, as in JSON.stringify.
 *
 * @throws TypeError for numbers that JSON does not have
 */
export function canonicalJson(value: unknown): string {
  return `${write(value)}\n`;
}

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => write(item ?? null)).join(',')}]`;
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`JSON has no ${value}`);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${write(member)}`);
  return `{${members.join(',')}}`;
}

function parseJson(text: string): unknown {
  if (text.length > MAX_CHARACTERS) throw damaged(['larger than 64 MiB']);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(['not JSON: truncated or overwritten'], error);
  }
}

/** Refuses other versions before the schema is checked: in a newer version every field may differ, and a list of them helps nobody. */
function refuseOtherVersions(value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged(['not a JSON object']);
  const { schema, schema_version: version } = value as Record<string, unknown>;
  if (schema === undefined && 'timestamp' in value && 'version' in value) {
    throw new PotctlError('E_MANIFEST', 'the manifest has version 1, which this version of potctl cannot read');
  }
  const major = typeof version === 'string' ? /^(\d{1,9})\.\d+$/.exec(version)?.[1] : undefined;
  if (schema !== 'potctl.manifest' || major === undefined || major === '2') return;
  throw new PotctlError(
    'E_MANIFEST',
    `the manifest has version ${String(version)}, but this version of potctl reads version 2`,
    {
      why: 'it was written by another major version of potctl',
      fix: ['Read it with the version of potctl that wrote it.'],
    },
  );
}

function artifactProblems({ database, storage, imported }: Manifest): string[] {
  const paths = [...(database?.files ?? []), ...(storage?.artefacts ?? [])].map((artifact) => artifact.path);
  const listed = new Set<string>();
  const problems = imported == null ? unhashed({ database, storage }) : [];
  for (const path of paths) {
    if (listed.has(path)) problems.push(`artifact '${path}' is listed twice`);
    if (RESERVED.has(path)) problems.push(`artifact '${path}' has a reserved name`);
    listed.add(path);
  }
  const needed = [database?.globals?.file, storage?.backup_file, storage?.list_file];
  for (const path of needed) {
    if (typeof path === 'string' && !listed.has(path)) problems.push(`'${path}' is not among the artifacts`);
  }
  return [...problems, ...memberProblems(database, listed)];
}

function unhashed({ database, storage }: Pick<Manifest, 'database' | 'storage'>): string[] {
  const lacking = [...(database?.files ?? []), ...(storage?.artefacts ?? [])].filter(({ sha256 }) => sha256 === null);
  const unlisted = storage !== null && (storage.list_file === null || storage.files === null);
  return [
    ...lacking.map(({ path }) => `'${path}' has no hash`),
    ...(unlisted ? ['the list of the files is missing'] : []),
    ...(database !== null && database.properties === null ? ['the properties of the database are missing'] : []),
  ];
}

/** Finds table members that are not artifacts: without a hash, emptying them would go unnoticed. */
function memberProblems(database: Manifest['database'], listed: ReadonlySet<string>): string[] {
  if (database === null) return [];
  const folder = database.backup_file;
  const isListed = (member: string): boolean => listed.has(member) || listed.has(`${folder}/${member}`);
  return database.inventory.tables
    .filter(({ member }) => member !== null && !isListed(member))
    .map(({ member }) => `'${member}' is not among the artifacts`);
}

function damaged(problems: readonly string[], cause?: unknown): PotctlError {
  const more = problems.length > SHOWN_PROBLEMS ? [`and ${problems.length - SHOWN_PROBLEMS} more`] : [];
  return new PotctlError('E_MANIFEST', 'the manifest is damaged', {
    why: [...problems.slice(0, SHOWN_PROBLEMS), ...more].join('; '),
    cause,
  });
}
