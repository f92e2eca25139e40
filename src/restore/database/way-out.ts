import path from 'node:path';
import type { TocEntry } from '../../backup/database/toc.js';
import type { DatabasePart } from '../../backup/manifest.js';
import { PotctlError } from '../../errors.js';
import { bareOrQuoted } from '../../postgres/identifiers.js';
import type { ConnectionSettings } from '../../postgres/settings.js';
import type { FailedObject } from './failed-objects.js';

/** What is needed to tell how a dump comes back that pg_restore stumbles over. */
export interface StumbledDump {
  readonly settings: Pick<ConnectionSettings, 'host' | 'port' | 'user' | 'database'>;
  readonly folder: string;
  readonly part: DatabasePart;
  readonly toc: readonly TocEntry[];
  readonly jobs: number;
}

const SHOWN_FUNCTIONS = 3;

/**
 * The error of a dump in which an object failed: which one, with everything the server said of it, and the ways out.
 *
 * @param error what the tool's end was taken for
 */
export function stumbled(error: PotctlError, failed: readonly FailedObject[], dump: StumbledDump): PotctlError {
  const [first] = failed;
  if (first === undefined || !isAboutObject(error, first)) return error;
  const tool = dump.part.dump.format === 'plain' ? 'psql' : 'pg_restore';
  const code = error.code === 'E_DB_DENIED' ? error.code : 'E_TOOL_FAILED';
  return new PotctlError(code, `'${tool}' could not restore ${first.name.replace(/^object:/, '')}`, {
    why: failed.map(({ text }) => text).join('\n'),
    fix: [...sourceFixes(failed, dump), ...(error.code === 'E_DB_DENIED' ? error.fix : []), ...byHand(failed, dump)],
    repeatWith: { text: 'Restore everything else, and see what is missing then:', argv: ['--continue-past-errors'] },
    cause: error,
  });
}

/** Not where the disk or the server itself gave way; but a view of a foreign table speaks of a lost server, too. */
function isAboutObject({ code }: PotctlError, { error }: FailedObject): boolean {
  if (code === 'E_DB_UNREACHABLE') return /^could not connect to server "/.test(error);
  return ['E_TOOL_FAILED', 'E_DB_DENIED', 'E_DB_LOCKED', 'E_DATABASE_NOT_FOUND'].includes(code);
}

/** What to run where the backup came from, so that the next one can be restored. Pure. */
export function sourceFixes(failed: readonly FailedObject[], { toc }: Pick<StumbledDump, 'toc'>): string[] {
  const lines = alterations(failed, toc);
  if (lines.length === 0) return [];
  return ['On the source, where the function finds its tables by search_path, then take a new backup:', ...lines];
}

/** PostgreSQL restores with an empty search_path: a function that does not set its own finds nothing by a bare name. */
function alterations(failed: readonly FailedObject[], toc: readonly TocEntry[]): string[] {
  const missing = failed.filter(({ error }) => /does not exist/.test(error));
  const signatures = missing
    .flatMap(({ functions }) => functions.slice(0, 1))
    .flatMap((name) => signatureOf(name, toc));
  return [...new Set(signatures)]
    .slice(0, SHOWN_FUNCTIONS)
    .map(({ schema, call }) => `ALTER FUNCTION ${schema}.${call} SET search_path = ${schema}, pg_temp;`);
}

interface Signature {
  readonly schema: string;
  readonly call: string;
}

/** `public.f(integer)` as PL/pgSQL names it, or `f` as SQL functions are named, which the dump's contents complete. */
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

/** The same with PostgreSQL's own programs, into a database of its own. Pure. */
export function byHand(failed: readonly FailedObject[], { settings, folder, part, toc, jobs }: StumbledDump): string[] {
  const { host, port, user, database } = settings;
  const at = `${host === '' ? '' : `-h ${word(host)} `}-p ${port} -U ${word(user)}`;
  const name = word(`${database}_by_hand`);
  const file = word(path.join(folder, part.backup_file));
  const create = `createdb ${at} -T template0 ${name}`;
  const intro = 'Or by hand, into a database of its own:';
  if (part.dump.format === 'plain') {
    const unpack = /\.gz$/.test(part.backup_file) ? 'zcat' : /\.zst$/.test(part.backup_file) ? 'zstdcat' : 'cat';
    return [intro, create, `${unpack} ${file} | psql ${at} -d ${name}`];
  }
  const restore = `pg_restore ${at} -j ${jobs} -d ${name}`;
  const alter = alterations(failed, toc);
  const inOrder = failed.some(({ name: failedName }) => failedName.startsWith('object:TABLE DATA '));
  if (alter.length === 0) return [intro, create, `${restore} ${file}`];
  return [
    'Or by hand from this backup, into a database of its own, with the function mended on the way:',
    create,
    `${restore} --section=pre-data ${file}`,
    `psql ${at} -d ${name} -c ${word(alter.join(' '))}`,
    // A check that looks at other tables wants them filled before its own: one after the other, as the dump has them.
    `${inOrder ? restore.replace(/ -j \d+/, '') : restore} --section=data ${file}`,
    `${restore} --section=post-data ${file}`,
  ];
}

/** One word for a shell. */
const word = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
