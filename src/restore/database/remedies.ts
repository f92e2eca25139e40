import path from 'node:path';
import type { DatabasePart } from '../../catalog/manifest.js';
import type { ConnectionSettings } from '../../config/libpq/settings.js';
import type { TocEntry } from '../../dump/toc.js';
import { PotctlError } from '../../kernel/errors.js';
import { type Advice, advice, again, potctl } from '../../kernel/next.js';
import { alterSearchPath, type BareName } from '../../postgres/fragile-functions.js';
import { bareOrQuoted } from '../../postgres/identifiers.js';
import type { FailedObject } from './failed-objects.js';

/** What is needed to explain how to restore a dump on which pg_restore failed. */
export interface FailedDump {
  readonly settings: Pick<ConnectionSettings, 'host' | 'port' | 'user' | 'database'>;
  readonly folder: string;
  readonly part: DatabasePart;
  readonly toc: readonly TocEntry[];
  readonly jobs: number;
}

const SHOWN_FUNCTIONS = 3;

/** An alternative to fixing the cause, so it comes last. */
const GO_ON: readonly Advice[] = [
  'Or restore everything else; the result lists what is missing:',
  again('--continue-past-errors'),
];

/**
 * The error for a dump in which an object failed: which object, the server's full message, and possible remedies.
 *
 * @param error the tool's own error
 */
export function restoreFailure(error: PotctlError, failed: readonly FailedObject[], dump: FailedDump): PotctlError {
  const [first] = failed;
  if (first === undefined || !isAboutObject(error, first)) return error;
  const tool = dump.part.dump.format === 'plain' ? 'psql' : 'pg_restore';
  const code = error.code === 'E_DB_DENIED' ? error.code : 'E_TOOL_FAILED';
  return new PotctlError(code, `'${tool}' could not restore ${first.name.replace(/^object:/, '')}`, {
    why: failed.map(({ detail }) => detail).join('\n'),
    fix: [
      ...sourceFixes(failed, dump),
      ...(error.code === 'E_DB_DENIED' ? error.fix : []),
      ...byHand(failed, dump),
      ...GO_ON,
    ],
    cause: error,
  });
}

/** Excludes failures of the disk or the server itself; but a view on a foreign table may also report an unreachable server. */
function isAboutObject({ code }: PotctlError, { error }: FailedObject): boolean {
  if (code === 'E_DB_UNREACHABLE') return /^could not connect to server "/.test(error);
  return ['E_TOOL_FAILED', 'E_DB_DENIED', 'E_DB_LOCKED', 'E_DATABASE_NOT_FOUND'].includes(code);
}

/** What to run on the source, so that its next backup can be restored. Pure. */
export function sourceFixes(failed: readonly FailedObject[], { toc }: Pick<FailedDump, 'toc'>): Advice[] {
  const all = alterations(failed, toc);
  if (all.length === 0) return [];
  return [
    'Fix the function on the source, where it depends on the search_path, then create a new backup:',
    ...all.flatMap(withNote),
    // The server reports only the first missing name.
    advice`The search_path must include the schema of every other unqualified name in the function: ${potctl('doctor')} on the source prints the complete statement.`,
  ];
}

type Alteration = ReturnType<typeof alterSearchPath>;

const withNote = ({ line, note }: Alteration): string[] => (note === null ? [line] : [line, `(${note})`]);

/** PostgreSQL restores with an empty search_path: a function that does not set its own cannot find unqualified names. */
function alterations(failed: readonly FailedObject[], toc: readonly TocEntry[]): Alteration[] {
  const missing = new Map<string, { readonly signature: Signature; readonly bare: BareName[] }>();
  for (const { error, functions } of failed) {
    const bare = missingName(error, toc);
    if (bare === null) continue;
    for (const signature of functions.slice(0, 1).flatMap((name) => signatureOf(name, toc))) {
      const key = `${signature.schema}.${signature.call}`;
      const known = missing.get(key)?.bare ?? [];
      missing.set(key, { signature, bare: [...known, bare] });
    }
  }
  return [...missing]
    .slice(0, SHOWN_FUNCTIONS)
    .map(([key, { signature, bare }]) => alterSearchPath(key, [], bare, unquoted(signature.schema)));
}

/** The name that the server did not find, with the dump's schemas that contain it; null if the search_path is not the cause. */
function missingName(error: string, toc: readonly TocEntry[]): BareName | null {
  if (!/does not exist/.test(error) || /^(column|role|schema|database|extension)\b/.test(error)) return null;
  const [, kind, quoted, called] = /^(relation|type|function) (?:"(.+)"|([^(]+)\()/.exec(error) ?? [];
  if (kind === undefined) return { name: error.replace(/ does not exist.*$/s, ''), schemas: [] };
  const name = quoted ?? unquoted(called!);
  const has = ({ desc, name: entry }: TocEntry): boolean =>
    kind === 'function'
      ? /^(FUNCTION|AGGREGATE)$/.test(desc) && entry.startsWith(`${name}(`)
      : OF_KIND[kind]!.test(desc) && entry === name;
  return { name, schemas: [...new Set(toc.filter(has).flatMap(({ schema }) => schema ?? []))] };
}

const OF_KIND: Readonly<Record<string, RegExp>> = {
  relation: /^(TABLE|VIEW|MATERIALIZED VIEW|FOREIGN TABLE|SEQUENCE)$/,
  type: /^(TYPE|DOMAIN|TABLE|VIEW|MATERIALIZED VIEW|FOREIGN TABLE)$/,
};

const unquoted = (name: string): string => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);

interface Signature {
  readonly schema: string;
  readonly call: string;
}

/** `public.f(integer)` as PL/pgSQL prints it, or `f` as SQL functions are printed, which is completed from the table of contents. */
function signatureOf(name: string, toc: readonly TocEntry[]): Signature[] {
  const [, schema, call] = /^((?:"(?:[^"]|"")+"|[^".(]+))\.(.+\))$/.exec(name) ?? [];
  if (schema !== undefined) return [{ schema, call: call! }];
  const bare = name.replace(/\(.*$/s, '');
  return toc
    .filter((entry) => entry.desc === 'FUNCTION' && entry.schema !== null && entry.name.startsWith(`${bare}(`))
    .map((entry) => ({
      schema: bareOrQuoted(entry.schema!),
      call: `${bareOrQuoted(bare)}${entry.name.slice(bare.length)}`,
    }));
}

/** The equivalent commands with PostgreSQL's own programs, into a separate database. Pure. */
export function byHand(failed: readonly FailedObject[], { settings, folder, part, toc, jobs }: FailedDump): string[] {
  const { host, port, user, database } = settings;
  const at = `${host === '' ? '' : `-h ${word(host)} `}-p ${port} -U ${word(user)}`;
  const name = word(`${database}_by_hand`);
  const file = word(path.join(folder, part.backup_file));
  const create = `createdb ${at} -T template0 ${name}`;
  const intro = 'Or by hand, into a separate database:';
  if (part.dump.format === 'plain') {
    const unpack = /\.gz$/.test(part.backup_file) ? 'zcat' : /\.zst$/.test(part.backup_file) ? 'zstdcat' : 'cat';
    return [intro, create, `${unpack} ${file} | psql ${at} -d ${name}`];
  }
  const restore = `pg_restore ${at} -j ${jobs} -d ${name}`;
  const alter = alterations(failed, toc);
  const inOrder = failed.some(({ name: failedName }) => failedName.startsWith('object:TABLE DATA '));
  if (alter.length === 0) return [intro, create, `${restore} ${file}`];
  return [
    'Or by hand from this backup, into a separate database, fixing the function on the way:',
    ...alter.flatMap(({ note }) => (note === null ? [] : [`(${note})`])),
    create,
    `${restore} --section=pre-data ${file}`,
    `psql ${at} -d ${name} -c ${word(alter.map(({ line }) => line).join(' '))}`,
    // A check constraint that reads other tables needs them filled first: load one table at a time, in the dump's order.
    `${inOrder ? restore.replace(/ -j \d+/, '') : restore} --section=data ${file}`,
    `${restore} --section=post-data ${file}`,
  ];
}

/** One word for a shell. */
const word = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
