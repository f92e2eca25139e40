import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isErrno } from '../../kernel/errors.js';
import { Secret } from '../../kernel/secret.js';

/** The login that needs a password, in the form in which libpq compares it. */
export interface Login {
  /** Host name, address, or socket directory; the default socket directory matches `localhost`. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** The result of a lookup. Without a password, `note` explains why to the operator; null if the file does not exist. */
export type PassfileAnswer =
  | { readonly password: Secret; readonly line: number }
  | { readonly password: null; readonly note: string | null; readonly fix: string | null };

const FIELDS = ['host', 'port', 'database', 'user'] as const;

/**
 * Looks up a login in a .pgpass file. The first matching line wins. A file that others can read is ignored, as in libpq, with a note.
 *
 * @param defaultSocketDirectory the directory that libpq uses without a host
 * @see PostgreSQL 15, fe-connect.c, passwordFromFile and pwdfMatchesString
 */
export async function lookUpPassword(
  file: string,
  login: Login,
  defaultSocketDirectory: string,
): Promise<PassfileAnswer> {
  const read = await readPassfile(file);
  if (typeof read !== 'string') return { password: null, ...read };
  const wanted = fieldsOf(login, defaultSocketDirectory);

  let closest: { line: number; differs: string[] } | null = null;
  for (const [index, raw] of read.split('\n').entries()) {
    const text = raw.replace(/\r$/, '');
    if (text === '' || text.startsWith('#')) continue;
    const { fields, rest } = splitLine(text);
    const differs = FIELDS.filter((_, at) => !fits(fields[at], wanted[at] ?? ''));
    if (differs.length === 0 && rest !== null) return { password: new Secret(unescaped(rest)), line: index + 1 };
    if (closest === null || differs.length < closest.differs.length) closest = { line: index + 1, differs };
  }
  return { password: null, ...noMatch(file, wanted, closest) };
}

/** The line that would match a login, with `PASSWORD` in place of the password. */
export function passfileLine(login: Login, defaultSocketDirectory: string): string {
  return [...fieldsOf(login, defaultSocketDirectory).map(escaped), 'PASSWORD'].join(':');
}

function fieldsOf({ host, port, database, user }: Login, defaultSocketDirectory: string): string[] {
  return [host === '' || host === defaultSocketDirectory ? 'localhost' : host, String(port), database, user];
}

function noMatch(
  file: string,
  wanted: readonly string[],
  closest: { line: number; differs: readonly string[] } | null,
): { note: string; fix: string } {
  const nearest =
    closest === null
      ? 'the file has no entries'
      : closest.differs.length === 0
        ? `line ${closest.line} lacks a field; the format is host:port:database:user:password`
        : `the closest, line ${closest.line}, differs in ${closest.differs.join(' and ')}`;
  return {
    note: `${file} has no line for ${wanted.join(':')}; ${nearest}`,
    fix: `add to ${file}: ${wanted.map(escaped).join(':')}:PASSWORD`,
  };
}

async function readPassfile(file: string): Promise<string | { note: string | null; fix: string | null }> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return { note: null, fix: null };
    const why = error instanceof Error ? error.message : String(error);
    return { note: `cannot read ${file}: ${why}`, fix: `make ${file} readable for this user` };
  }
  try {
    const found = await handle.stat();
    if (!found.isFile()) return { note: `${file} is ignored: it is not a plain file`, fix: null };
    const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
    if ((found.mode & 0o077) !== 0)
      return { note: `${file} is ignored: its mode is ${mode}, so others can read it`, fix: `chmod 0600 ${file}` };
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** The four fields and the password, still escaped; `rest` is null if a field is missing. */
function splitLine(text: string): { fields: string[]; rest: string | null } {
  const fields: string[] = [];
  let field = '';
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\' && at + 1 < text.length) {
      field += text.slice(at, at + 2);
      at += 1;
    } else if (text[at] === ':') {
      fields.push(field);
      field = '';
      if (fields.length === FIELDS.length) return { fields, rest: text.slice(at + 1) };
    } else field += text[at];
  }
  return { fields: [...fields, field], rest: null };
}

const fits = (pattern: string | undefined, value: string): boolean =>
  pattern === '*' || unescaped(pattern ?? '') === value;
const unescaped = (text: string): string => text.replace(/\\(.)/gs, '$1');
const escaped = (text: string): string => text.replace(/[\\:]/g, '\\$&');
