import { PotctlError } from '../../kernel/errors.js';
import { cutToBytes, NAME_MAX_BYTES } from '../../postgres/identifiers.js';

/** A table name as typed. */
export interface TableName {
  /** null = in any schema. */
  readonly schema: string | null;
  readonly name: string;
  /** As typed, for messages. */
  readonly text: string;
}

const PART = /(?:"((?:[^"]|"")+)"|([^",.\s](?:[^",.]*[^",.\s])?))/y;

/**
 * Parses `a,schema.b,"we""ird.Tab le"`: comma-separated names, optionally with a schema and a dot; names that contain a comma or a dot are in
 * double quotes. Pure.
 *
 * @throws E_USAGE for an empty list and for invalid names
 */
export function parseTableNames(lists: readonly string[]): TableName[] {
  const names = lists.flatMap(parseList);
  const [first, ...others] = names;
  if (first === undefined) throw wrong('it is empty');
  const twice = [first, ...others].find(
    ({ schema, name }, at) => names.findIndex((other) => other.schema === schema && other.name === name) < at,
  );
  if (twice !== undefined) throw wrong(`'${twice.text}' is listed twice`);
  return names;
}

function parseList(list: string): TableName[] {
  const names: TableName[] = [];
  for (let at = 0; ; at += 1) {
    const start = skipBlanks(list, at);
    const [one, afterOne] = readPart(list, start);
    const isQualified = list[afterOne] === '.';
    const [two, end] = isQualified ? readPart(list, afterOne + 1) : [null, afterOne];
    at = skipBlanks(list, end);
    if (at < list.length && list[at] !== ',') throw wrong(`cannot parse '${list.slice(start)}'`);
    names.push({ schema: two === null ? null : one, name: two ?? one, text: list.slice(start, end) });
    if (at >= list.length) return names;
  }
}

function readPart(list: string, at: number): [string, number] {
  PART.lastIndex = at;
  const match = PART.exec(list);
  const name = match?.[1]?.replaceAll('""', '"') ?? match?.[2];
  if (match === null || name === undefined)
    throw wrong(at >= list.length ? 'a name is missing' : `cannot parse '${list.slice(at)}'`);
  if (name.includes('\0') || cutToBytes(name, NAME_MAX_BYTES) !== name) throw wrong(`'${name}' is too long for a name`);
  return [name, at + match[0].length];
}

/** A table or schema name in the form that {@link parseTableNames} parses. */
export const quotedPart = (name: string): string =>
  /^[^",.\s]([^",.]*[^",.\s])?$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

function skipBlanks(list: string, at: number): number {
  let next = at;
  while (list[next] === ' ') next += 1;
  return next;
}

const wrong = (why: string): PotctlError =>
  new PotctlError('E_USAGE', "'--tables' expects table names separated by commas", {
    why,
    fix: [
      'For example `--tables users,billing.invoices`; put names with a comma or a dot in double quotes: `--tables \'"odd,name"\'`.',
    ],
  });

/** Checks the name of the schema to restore tables into. @throws E_USAGE */
export function checkSchemaName(name: string): string {
  const refuse = (why: string): PotctlError =>
    new PotctlError('E_USAGE', `'--into-schema ${name}' cannot be used`, { why });
  if (/^pg_/.test(name) || name === 'information_schema') throw refuse('the name is reserved by PostgreSQL');
  if (name.includes('\0') || cutToBytes(name, NAME_MAX_BYTES) !== name) {
    throw refuse(`names are limited to ${NAME_MAX_BYTES} bytes`);
  }
  return name;
}
