import type { SqlListener } from './sql-lexer.js';

/** What a script of pg_dump says about its database. */
export interface SqlFacts {
  readonly tables: readonly SqlTable[];
  readonly sequences: readonly { schema: string; name: string; last_value: string; is_called: boolean }[];
  readonly extensions: readonly { name: string; version: null; schema: string }[];
  /** Every role that owns something or has a grant. */
  readonly roles: readonly string[];
  readonly tablespaces: readonly string[];
  readonly largeObjects: number;
  /** Number of constraints created NOT VALID. */
  readonly notValid: number;
  /** Versions of the server and of pg_dump, such as `15.20`; null if unknown. */
  readonly serverVersion: string | null;
  readonly toolVersion: string | null;
  /** The options of CREATE DATABASE, with a libc locale; null without such a statement. */
  readonly database: {
    readonly owner: string | null;
    readonly encoding: string;
    readonly collate: string | null;
    readonly ctype: string | null;
  } | null;
  /** Whether it has the last line of pg_dump. */
  readonly complete: boolean;
  /** Number of tables that it creates. */
  readonly created: number;
  /** Tables (`schema.table`) with rows that it does not create; an extension may create them. */
  readonly notCreated: readonly string[];
  /** The first row whose number of columns differs from its COPY. */
  readonly misfit: {
    readonly schema: string;
    readonly table: string;
    readonly row: number;
    readonly columns: number;
    readonly expected: number;
  } | null;
}

/** Number of rows of one table, and their bytes in the script. */
export interface SqlTable {
  readonly schema: string;
  readonly table: string;
  rows: number;
  bytes: number;
  partitioned: boolean;
}

interface Found {
  readonly tables: Map<string, SqlTable>;
  readonly created: Set<string>;
  readonly partitioned: Set<string>;
  readonly sequences: Map<string, SqlFacts['sequences'][number]>;
  readonly extensions: Map<string, SqlFacts['extensions'][number]>;
  readonly roles: Set<string>;
  readonly tablespaces: Set<string>;
  largeObjects: number;
  notValid: number;
  serverVersion: string | null;
  toolVersion: string | null;
  database: SqlFacts['database'];
  complete: boolean;
  misfit: SqlFacts['misfit'];
  searchPath: string;
  encoding: string;
}

const NAME = String.raw`(?:"(?:[^"]|"")+"|[^\s".,;()']+)`;
const QUALIFIED = `${NAME}(?:\\.${NAME})?`;
const NAMES = new RegExp(NAME, 'g');
const COPY = new RegExp(`^COPY (${QUALIFIED})(?: \\((.*)\\))? FROM stdin(\\s+WITH\\s.*)?$`, 'is');
const TABLE = new RegExp(
  `^CREATE (?:(?:GLOBAL |LOCAL )?TEMP(?:ORARY)? |UNLOGGED |FOREIGN )?TABLE (?:IF NOT EXISTS )?(${QUALIFIED})`,
  'i',
);
const INSERT = new RegExp(`^INSERT INTO (?:ONLY )?(${QUALIFIED})[\\s(]`, 'i');
const SETVAL = /^SELECT (?:pg_catalog\.)?setval\('((?:[^']|'')+)', (-?\d+), (true|false)\)$/i;
const EXTENSION = new RegExp(`^CREATE EXTENSION (?:IF NOT EXISTS )?(${NAME})(?: WITH SCHEMA (${NAME}))?`, 'i');
const PARTITIONED = new RegExp(`^CREATE (?:UNLOGGED )?TABLE (${QUALIFIED}) \\(.*\\)\\s*PARTITION BY `, 'is');
const OWNER = new RegExp(`^ALTER DATABASE ${NAME} OWNER TO (${NAME})$`, 'i');

/** Returns a listener for a script that collects its facts. */
export function gatherSqlFacts(): {
  readonly listener: Omit<SqlListener, 'command'>;
  facts(): SqlFacts;
  /** The client encoding that the script declared last. */
  encoding(): string;
} {
  const found: Found = {
    ...{ tables: new Map(), created: new Set(), partitioned: new Set(), sequences: new Map(), extensions: new Map() },
    ...{ roles: new Set(), tablespaces: new Set(), largeObjects: 0, notValid: 0 },
    ...{ serverVersion: null, toolVersion: null, database: null, complete: false, misfit: null },
    ...{ searchPath: 'public', encoding: 'UTF8' },
  };
  let current: Copied | null = null;
  return {
    listener: {
      statement(text, tuples) {
        current = copiedTable(found, text);
        if (current === null) takeStatement(found, text, tuples);
        return current !== null;
      },
      row(bytes, tabs) {
        const { table, columns } = current!;
        table.rows += 1;
        table.bytes += bytes;
        if (columns !== null && tabs !== null && tabs + 1 !== columns) {
          const { schema, table: name, rows } = table;
          found.misfit ??= { schema, table: name, row: rows, columns: tabs + 1, expected: columns };
        }
      },
      comment: (text) => takeComment(found, text),
    },
    encoding: () => found.encoding,
    facts: () => {
      const { tables, created, sequences, extensions, roles, tablespaces, partitioned, ...rest } = found;
      const { searchPath: _, encoding: __, ...facts } = rest;
      const filled = [...tables].filter(([key]) => !created.has(key));
      const notCreated = filled.map(([, { schema, table }]) => `${schema}.${table}`);
      for (const name of partitioned) if (tables.has(name)) tables.get(name)!.partitioned = true;
      const lists = { sequences: [...sequences.values()], extensions: [...extensions.values()] };
      const names = { roles: [...roles].sort(), tablespaces: [...tablespaces].sort() };
      return { ...facts, ...lists, ...names, tables: [...tables.values()], created: created.size, notCreated };
    },
  };
}

/** Unquotes a name: `"we""ird"` → `we"ird`; a name without quotes becomes lower case. */
export function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
}

/** Returns whether a statement is a COPY whose rows follow in the script. */
export const isCopy = (text: string): boolean => COPY.test(text);

interface Copied {
  readonly table: SqlTable;
  /** null: not in text format, or without column names. */
  readonly columns: number | null;
}

function copiedTable(found: Found, text: string): Copied | null {
  const [, name, columns, options] = COPY.exec(text) ?? [];
  if (name === undefined) return null;
  const named = columns === undefined || options !== undefined ? null : (columns.match(NAMES)?.length ?? null);
  return { table: tableOf(found, name), columns: named };
}

function tableOf(found: Found, qualified: string): SqlTable {
  const { schema, name } = splitName(qualified, found.searchPath);
  const key = `${schema}\0${name}`;
  const known = found.tables.get(key) ?? { schema, table: name, rows: 0, bytes: 0, partitioned: false };
  found.tables.set(key, known);
  return known;
}

function splitName(qualified: string, searchPath: string): { schema: string; name: string } {
  const [first = '', second] = qualified.match(NAMES) ?? [];
  return second === undefined
    ? { schema: searchPath, name: unquote(first) }
    : { schema: unquote(first), name: unquote(second) };
}

function takeStatement(found: Found, text: string, tuples: number): void {
  const [, inserted] = INSERT.exec(text) ?? [];
  if (inserted !== undefined) {
    const table = tableOf(found, inserted);
    // DEFAULT VALUES is one row without parentheses.
    table.rows += Math.max(tuples, 1);
    table.bytes += text.length;
    return;
  }
  takeObject(found, text);
  takeRoles(found.roles, text);
}

function takeObject(found: Found, text: string): void {
  const [, sequence, value, called] = SETVAL.exec(text) ?? [];
  if (sequence !== undefined) {
    const { schema, name } = splitName(sequence.replaceAll("''", "'"), found.searchPath);
    found.sequences.set(`${schema}\0${name}`, { schema, name, last_value: value!, is_called: called === 'true' });
  }
  if (/^SELECT (?:pg_catalog\.)?lo_create\('\d+'\)$/i.test(text)) found.largeObjects += 1;
  if (/\bNOT VALID$/.test(text)) found.notValid += 1;
  const [, extension, schema] = EXTENSION.exec(text) ?? [];
  if (extension !== undefined) {
    const name = unquote(extension);
    found.extensions.set(name, { name, version: null, schema: unquote(schema ?? 'public') });
  }
  const [, created] = TABLE.exec(text) ?? [];
  if (created !== undefined) {
    const { schema, name } = splitName(created, found.searchPath);
    found.created.add(`${schema}\0${name}`);
  }
  const [, partitioned] = PARTITIONED.exec(text) ?? [];
  if (partitioned !== undefined) {
    const { schema, name } = splitName(partitioned, found.searchPath);
    found.partitioned.add(`${schema}\0${name}`);
  }
  if (/^CREATE DATABASE /i.test(text)) found.database = createdBy(text);
  const [, owner] = OWNER.exec(text) ?? [];
  if (owner !== undefined && found.database !== null) found.database = { ...found.database, owner: unquote(owner) };
  takeSetting(found, text);
}

function createdBy(text: string): SqlFacts['database'] {
  const optionOf = (key: string): string | null => new RegExp(`\\b${key} = '([^']+)'`).exec(text)?.[1] ?? null;
  const encoding = optionOf('ENCODING');
  const isLibc = !/LOCALE_PROVIDER = (?!libc)/i.test(text);
  const locale = isLibc ? optionOf('LOCALE') : null;
  const [collate, ctype] = [optionOf('LC_COLLATE') ?? locale, optionOf('LC_CTYPE') ?? locale];
  return encoding === null ? null : { owner: null, encoding, collate, ctype };
}

function takeSetting(found: Found, text: string): void {
  const path = /^SET search_path = ([^,]+)/i.exec(text)?.[1];
  if (path !== undefined) found.searchPath = unquote(path.trim());
  const encoding = /^SET client_encoding (?:=|TO) '?([\w-]+)'?$/i.exec(text)?.[1];
  if (encoding !== undefined) found.encoding = encoding;
  const space = /^SET default_tablespace = (.+)$/i.exec(text)?.[1]?.replace(/^'(.*)'$/, '$1');
  if (space !== undefined && space !== '') found.tablespaces.add(unquote(space));
}

/**
 * Collects roles from `… OWNER TO x`, `GRANT … TO x`, `REVOKE … FROM x`, `ALTER DEFAULT PRIVILEGES FOR ROLE x`, `SET SESSION AUTHORIZATION
 * x`.
 */
function takeRoles(roles: Set<string>, text: string): void {
  const owner = new RegExp(`^ALTER .* OWNER TO (${NAME})$`, 'is').exec(text)?.[1];
  const session = new RegExp(`^SET SESSION AUTHORIZATION '?(${NAME}?)'?$`, 'i').exec(text)?.[1];
  const grant = /^(?:GRANT|REVOKE|ALTER DEFAULT PRIVILEGES)\b/i.test(text);
  const grantee = grant && new RegExp(`\\b(?:TO|FROM) (${NAME})(?: WITH GRANT OPTION)?$`, 'i').exec(text)?.[1];
  const definer = grant && new RegExp(`^ALTER DEFAULT PRIVILEGES FOR ROLE (${NAME})`, 'i').exec(text)?.[1];
  for (const name of [owner, session, grantee, definer]) {
    if (name && name.toUpperCase() !== 'PUBLIC' && name.toUpperCase() !== 'DEFAULT') roles.add(unquote(name));
  }
}

function takeComment(found: Found, text: string): void {
  const server = /^ Dumped from database version (\d+(?:\.\d+)*)/.exec(text)?.[1];
  const tool = /^ Dumped by pg_dump version (\d+(?:\.\d+)*)/.exec(text)?.[1];
  found.serverVersion ??= server ?? null;
  found.toolVersion ??= tool ?? null;
  if (text === ' PostgreSQL database dump complete') found.complete = true;
}
