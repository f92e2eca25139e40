import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import type { Session } from '../postgres/server.js';
import type { Adapter, Application, Columns } from './application.js';
import { APPLICATIONS } from './known.js';
import { readSchemas, type Tables } from './tables.js';

/** Which application to look for, and where; from the profile's `application`. */
export interface WantedApplication {
  /** `auto`, or the name of a known one. */
  readonly name: string;
  /** null = any schema. */
  readonly schema: string | null;
}

/** The detected application and the schema of its tables. */
export interface Detected {
  readonly application: Application;
  readonly schema: string;
}

/** A schema with the tables of an application. */
interface Match {
  readonly adapter: Adapter;
  readonly schema: string;
  readonly tables: Tables;
  /** Its position in the role's search_path; last if it is not in it. */
  readonly place: number;
}

/**
 * Detects the application by its tables and checks that every column that potctl needs exists with a supported type. Reads only the catalog.
 *
 * A schema with all tables of an application has precedence over one with some of them; then the role's search_path decides, as it does for
 * the application itself.
 *
 * @param known the applications to look for
 * @throws E_APPLICATION: none, several with the same precedence, or one with missing or different columns, which are listed
 */
export async function detectApplication(
  session: Session,
  wanted: WantedApplication,
  known: readonly Adapter[] = APPLICATIONS,
): Promise<Detected> {
  const names = known.flatMap(({ tables }) => tables.map(({ name }) => name));
  const all = await readSchemas(session, [...new Set(names)]);
  const schemas = new Map([...all].filter(([schema]) => wanted.schema === null || schema === wanted.schema));
  const candidates = known.filter(({ name }) => wanted.name === 'auto' || name === wanted.name);
  const matches = candidates.flatMap((adapter) => matchesOf(adapter, schemas, session.roleSearchPath));
  const complete = matches.filter(({ adapter, tables }) => adapter.tables.every(({ name }) => tables.has(name)));
  const [found, ...others] = (complete.length > 0 ? complete : matches).sort((a, b) => a.place - b.place);
  if (found === undefined) throw notRecognized(wanted, candidates, schemas);
  if (others.some(({ place }) => place === found.place)) throw ambiguous([found, ...others]);
  if (wanted.schema === null) refuseStrangers(found, others);
  const { schema, tables } = found;
  const adapter = found.adapter.formOf?.(tables) ?? found.adapter;
  const problems = adapter.tables.flatMap(({ name, columns }) => differences(tables, name, columns));
  const missing = adapter.tables.map(({ name }) => name).filter((name) => !tables.has(name));
  if (problems.length > 0) throw differing(adapter, schema, { problems, missing });
  return { application: adapter.in(schema), schema };
}

function matchesOf(adapter: Adapter, schemas: ReadonlyMap<string, Tables>, path: readonly string[]): Match[] {
  const { table, columns } = adapter.signature;
  return [...schemas]
    .filter(([, tables]) => columns.every((column) => tables.get(table)?.columns.has(column)))
    .map(([schema, tables]) => {
      const at = path.indexOf(schema);
      return { adapter, schema, tables, place: at === -1 ? path.length : at };
    });
}

/**
 * Refuses tables of several owners: anyone who can create tables in a schema of the search_path could add a copy of the application or a
 * missing table, with indexes and triggers that the operator would run. The profile must decide.
 *
 * @throws E_APPLICATION
 */
function refuseStrangers(found: Match, others: readonly Match[]): void {
  const strangers = ownersOf(found).filter(({ trusted }) => !trusted);
  const names = [...new Set(strangers.map(({ owner }) => owner))];
  if (names.length > 1) {
    throw new PotctlError('E_APPLICATION', `the tables of '${found.adapter.name}' belong to several roles`, {
      why: `in the schema ${found.schema}: ${names.join(', ')}`,
      fix: [decidingLine(found), 'Or change them to a single owner: ALTER TABLE … OWNER TO …'],
    });
  }
  const [stranger] = names;
  const rival = others.find((other) => ownersOf(other).some(({ owner }) => owner !== stranger));
  if (stranger !== undefined && rival !== undefined) throw ambiguous([found, rival]);
}

const ownersOf = ({ adapter, tables }: Match): { owner: string; trusted: boolean }[] =>
  adapter.tables.flatMap(({ name }) => tables.get(name) ?? []);

function differences(tables: Tables, table: string, columns: Columns): string[] {
  const there = tables.get(table);
  if (there === undefined) return [`the table ${table} is missing`];
  return Object.entries(columns).flatMap(([column, types]) => {
    const type = there.columns.get(column);
    if (type === undefined) return [`${table}.${column} is missing`];
    return types.includes(type) || (type === 'citext' && types.includes('text'))
      ? []
      : [`${table}.${column} is ${type}, not ${types.join(' or ')}`];
  });
}

function notRecognized(
  { name: wanted, schema: only }: WantedApplication,
  candidates: readonly Application[],
  schemas: ReadonlyMap<string, Tables>,
): PotctlError {
  const near = candidates.flatMap(({ name, signature }) =>
    [...schemas]
      .filter(([, tables]) => tables.has(signature.table))
      .map(([schema, tables]) => {
        const missing = signature.columns.filter((column) => !tables.get(signature.table)!.columns.has(column));
        return `${name}: ${schema}.${signature.table} has no ${missing.join(', ')}`;
      }),
  );
  const names = candidates.map(({ name, signature }) => `${name} (${signature.table})`).join(', ');
  const place = only === null ? 'database' : `schema ${only}`;
  return new PotctlError(
    'E_APPLICATION',
    wanted === 'auto'
      ? `the ${place} does not have the tables of a known application`
      : `the ${place} does not have the tables of '${wanted}'`,
    { why: near.length > 0 ? near.join('\n') : `searched for the tables of ${names}` },
  );
}

function ambiguous(matches: readonly Match[]): PotctlError {
  const found = matches.map(({ adapter, schema }) => `${adapter.name} in the schema ${schema}`);
  return new PotctlError('E_APPLICATION', 'the database has the tables of more than one application', {
    why: found.join('; '),
    fix: ['Choose one in the profile, for example:', ...matches.map(decidingLine)],
  });
}

const decidingLine = ({ adapter, schema }: Match): string =>
  `application: { name: ${adapter.name}, schema: ${JSON.stringify(schema)} }`;

function differing(
  { name }: Application,
  schema: string,
  { problems, missing }: { readonly problems: readonly string[]; readonly missing: readonly string[] },
): PotctlError {
  const what =
    missing.length > 0
      ? `tables of '${name}' are missing: ${missing.join(', ')}`
      : `the tables of '${name}' differ from what potctl expects`;
  return new PotctlError('E_APPLICATION', `unsupported schema: ${what}`, {
    why: [`in the schema ${schema}:`, ...problems].join('\n'),
    fix: [
      ...(missing.length > 0 ? [advice`If they were lost, restore them from a backup: ${RESTORE}`] : []),
      'If the application was upgraded, check that potctl supports its version.',
    ],
  });
}

const RESTORE = potctl('restore', 'plan', 'latest');
