import { PotctlError } from '../errors.js';
import type { Session } from '../postgres/server.js';
import { threeDPot } from './3dpot.js';
import type { Application, ApplicationName, Columns } from './application.js';
import { evo } from './evo.js';
import { native } from './native.js';
import { viu } from './viu.js';

/** Where the tables of an application were found. */
export interface Detected {
  readonly application: Application;
  readonly schema: string;
}

/** Columns by table, each with its type. */
type Catalogue = ReadonlyMap<string, ReadonlyMap<string, string>>;

const VARIANTS: readonly Application[] = [threeDPot, viu, evo(true), native];

/**
 * Recognises the application by its tables, and proves that every column that potctl needs is there with a type that it understands. Reads
 * only the catalogue.
 *
 * @param wanted `auto`, or the only one to look for
 * @throws E_APPLICATION: none, two, or one with missing or differing columns, which are listed
 */
export async function detectApplication(session: Session, wanted: 'auto' | ApplicationName): Promise<Detected> {
  const schemas = await readCatalogue(session);
  const candidates = VARIANTS.filter(({ name }) => wanted === 'auto' || name === wanted);
  const matches = candidates.flatMap((application) =>
    [...schemas].filter(([, catalogue]) => bears(catalogue, application)).map(([schema]) => ({ application, schema })),
  );
  const [found, second] = matches;
  if (found === undefined) throw notRecognised(wanted, candidates, schemas);
  if (second !== undefined) throw ambiguous(matches);
  const catalogue = schemas.get(found.schema)!;
  const hasEmail = catalogue.get('profiles')?.has('email') === true;
  const application = found.application.name === 'evo' ? evo(hasEmail) : found.application;
  const problems = application.tables.flatMap(({ name, columns }) => differences(catalogue, name, columns));
  if (problems.length > 0) throw differing(application, found.schema, problems);
  return { application, schema: found.schema };
}

async function readCatalogue(session: Session): Promise<Map<string, Catalogue>> {
  const tables = [...new Set([...VARIANTS, evo(false)].flatMap(({ tables: all }) => all.map(({ name }) => name)))];
  const rows = await session.query<{ schema: string; table: string; column: string; type: string }>(
    `select n.nspname as schema, c.relname as table, a.attname as column, regexp_replace(format_type(a.atttypid, null), '^.*\\.', '') as type
       from pg_class c
            join pg_namespace n on n.oid = c.relnamespace
            join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.relkind in ('r', 'p') and c.relname = any($1) and n.nspname !~ '^(pg_|information_schema$|potctl$)'
      order by n.nspname`,
    [tables],
  );
  const schemas = new Map<string, Map<string, Map<string, string>>>();
  for (const { schema, table, column, type } of rows) {
    const catalogue = schemas.get(schema) ?? new Map<string, Map<string, string>>();
    catalogue.set(table, (catalogue.get(table) ?? new Map<string, string>()).set(column, type.replaceAll('"', '')));
    schemas.set(schema, catalogue);
  }
  return schemas;
}

const bears = (catalogue: Catalogue, { signature }: Application): boolean =>
  signature.columns.every((column) => catalogue.get(signature.table)?.has(column));

function differences(catalogue: Catalogue, table: string, columns: Columns): string[] {
  const there = catalogue.get(table);
  if (there === undefined) return [`the table ${table} is missing`];
  return Object.entries(columns).flatMap(([column, types]) => {
    const type = there.get(column);
    if (type === undefined) return [`${table}.${column} is missing`];
    return types.includes(type) ? [] : [`${table}.${column} is ${type}, not ${types.join(' or ')}`];
  });
}

function notRecognised(
  wanted: string,
  candidates: readonly Application[],
  schemas: ReadonlyMap<string, Catalogue>,
): PotctlError {
  const near = candidates.flatMap(({ name, signature }) =>
    [...schemas]
      .filter(([, catalogue]) => catalogue.has(signature.table))
      .map(([schema, catalogue]) => {
        const missing = signature.columns.filter((column) => !catalogue.get(signature.table)!.has(column));
        return `${name}: ${schema}.${signature.table} has no ${missing.join(', ')}`;
      }),
  );
  const names = candidates.map(({ name, signature }) => `${name} (${signature.table})`).join(', ');
  return new PotctlError(
    'E_APPLICATION',
    wanted === 'auto' ? 'the database is of no application that potctl knows' : `the database is not of '${wanted}'`,
    { why: near.length > 0 ? near.join('\n') : `looked for the tables of ${names}` },
  );
}

function ambiguous(matches: readonly Detected[]): PotctlError {
  const found = matches.map(({ application, schema }) => `${application.name} in the schema ${schema}`);
  return new PotctlError('E_APPLICATION', 'the database has the tables of more than one application', {
    why: found.join('; '),
    fix: ['Say which one: `application: NAME` in the profile; in two schemas, give a role that sees only one.'],
  });
}

function differing(application: Application, schema: string, problems: readonly string[]): PotctlError {
  return new PotctlError('E_APPLICATION', `the tables of '${application.name}' are not as potctl knows them`, {
    why: [`in the schema ${schema}:`, ...problems].join('\n'),
    fix: [
      'Nothing is written into tables that potctl does not understand. Compare them with the version of the application.',
    ],
  });
}
