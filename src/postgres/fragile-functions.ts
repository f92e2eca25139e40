import { bareOrQuoted } from './identifiers.js';
import type { Session } from './server.js';

/** A function that a restore must run and that depends on the caller's search_path. */
export interface FragileFunction {
  /** With its schema and arguments, as SQL. */
  readonly signature: string;
  /** What runs it during a restore, e.g. `constraint people_country_check on people`. */
  readonly usedBy: string;
  /** A name that it uses without a schema. */
  readonly bareName: string;
  /** The statement that fixes it. */
  readonly fix: string;
}

interface Row {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly signature: string;
  readonly source: string;
  /** The search_path that the function sets, as PostgreSQL stores it; null = none. */
  readonly path: string | null;
  readonly usedBy: string | null;
}

/**
 * Finds functions in check constraints, index expressions, generated columns, partition keys and materialized views that use tables, types
 * or other functions by unqualified names and set no search_path that contains them. A dump is restored with an empty search_path, so these
 * names are not found.
 *
 * Reads only the catalog. Function bodies are matched as text: dynamic SQL is not recognized, and a column with a table's name is mistaken
 * for the table. The result is a hint, never a reason to refuse.
 */
export async function findFragileFunctions(session: Session): Promise<FragileFunction[]> {
  const functions = await session.query<Row & object>(FUNCTIONS);
  if (functions.every(({ usedBy }) => usedBy === null)) return [];
  const objects = await session.query<{ kind: Kind; name: string; schemas: string[] }>(NAMES);
  return judge(functions, new Map(objects.map(({ kind, name, schemas }) => [`${kind} ${name}`, schemas])));
}

type Kind = 'relation' | 'function' | 'type';
/** The schemas that contain an object of this kind and name. */
type Known = ReadonlyMap<string, readonly string[]>;

/** Follows calls from the functions that a restore runs to those they call; a called function inherits the caller's path. */
function judge(functions: readonly Row[], known: Known): FragileFunction[] {
  const found = new Map<string, FragileFunction>();
  const seen = new Set<string>();
  const waiting = functions.flatMap((row) =>
    row.usedBy === null ? [] : [{ row, usedBy: row.usedBy, path: row.path }],
  );
  for (const { row, usedBy, path } of waiting) {
    const visit = `${row.oid} ${path}`;
    if (seen.has(visit)) continue;
    seen.add(visit);
    const uses = usesOf(row.source);
    const bare = bareNames(uses, known);
    const missing = bare.find(({ schemas }) => !pathOf(path).some((schema) => schemas.includes(schema)));
    if (missing !== undefined && !found.has(row.oid)) found.set(row.oid, describe(row, usedBy, missing.name, bare));
    const called = new Set(uses.filter(({ kind }) => kind === 'function').map(({ name }) => name));
    for (const other of functions) {
      if (!called.has(other.name)) continue;
      waiting.push({ row: other, usedBy: `${row.signature} of ${usedBy}`, path: other.path ?? path });
    }
  }
  return [...found.values()];
}

/** An unqualified name, and the schemas that contain it. */
export interface BareName {
  readonly name: string;
  readonly schemas: readonly string[];
}

function bareNames(uses: readonly Use[], known: Known): BareName[] {
  return uses.flatMap(({ kind, name, isQualified }) => {
    const schemas = isQualified ? undefined : known.get(`${kind} ${name}`);
    return schemas === undefined ? [] : [{ name, schemas }];
  });
}

function describe(
  { schema, signature, path }: Row,
  usedBy: string,
  bareName: string,
  bare: readonly BareName[],
): FragileFunction {
  const { line, note } = alterSearchPath(signature, pathOf(path), bare, schema);
  return { signature, usedBy, bareName, fix: note === null ? line : `${line} (${note})` };
}

/**
 * The statement after which a function finds its names, whoever runs it. Pure.
 *
 * @param path schemas already on its search_path
 * @param own the schema of the function, searched last
 * @returns `note`: what to fill in for `SCHEMA` if several schemas contain a name, or none is known to; null = nothing
 */
export function alterSearchPath(
  signature: string,
  path: readonly string[],
  bare: readonly BareName[],
  own: string,
): { readonly line: string; readonly note: string | null } {
  const missing = bare.filter(({ schemas }) => !path.some((schema) => schemas.includes(schema)));
  const sure = missing.flatMap(({ schemas }) => (schemas.length === 1 ? schemas : []));
  const unsure = missing.filter(({ schemas }) => schemas.length !== 1);
  const named = new Set([...path, ...sure].filter((schema) => schema !== 'pg_temp'));
  if (path.length === 0) named.delete(own);
  const words = [
    ...[...named].map(bareOrQuoted),
    ...(unsure.length === 0 ? [] : ['SCHEMA']),
    ...(named.has(own) ? [] : [bareOrQuoted(own)]),
    'pg_temp',
  ];
  const notes = [...new Map(unsure.map(({ name, schemas }) => [name, whereIs(name, schemas)])).values()];
  return {
    line: `ALTER FUNCTION ${signature} SET search_path = ${words.join(', ')};`,
    note: notes.length === 0 ? null : `replace SCHEMA, which is ambiguous: ${notes.join('; ')}`,
  };
}

const whereIs = (name: string, schemas: readonly string[]): string =>
  schemas.length === 0
    ? `the schema that contains "${name}"`
    : `"${name}" is in ${schemas.map(bareOrQuoted).join(' and in ')}`;

/** The names in a search_path such as `lib, "Own"`. */
const pathOf = (path: string | null): string[] =>
  [...(path ?? '').matchAll(/"((?:[^"]|"")*)"|[^\s,"]+/g)]
    .map(([word, quoted]) => quoted?.replaceAll('""', '"') ?? word)
    .filter((schema) => schema !== '');

const COMMENT_OR_STRING = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'/g;
const NAME = String.raw`("(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*(?![\p{L}\p{N}_$]))`;
/** The position of a name shows its kind: a column may have the name of a table. */
const PLACES: readonly (readonly [Kind, RegExp])[] = [
  [
    'relation',
    new RegExp(String.raw`\b(?:from|join|into|update|only|using)\s+(${NAME}\s*\.\s*)?${NAME}(?!\s*\.)`, 'giu'),
  ],
  ['function', new RegExp(String.raw`(?<![\p{L}\p{N}_$".])(${NAME}\s*\.\s*)?${NAME}\s*\(`, 'giu')],
  ['type', new RegExp(String.raw`(?:::|\bas\s)\s*(${NAME}\s*\.\s*)?${NAME}(?!\s*[.(])`, 'giu')],
];

interface Use {
  readonly kind: Kind;
  readonly name: string;
  readonly isQualified: boolean;
}

function usesOf(source: string): Use[] {
  const plain = source.replace(COMMENT_OR_STRING, ' ');
  return PLACES.flatMap(([kind, pattern]) =>
    [...plain.matchAll(pattern)].map(([, schema, , name]) => ({
      kind,
      name: name!.startsWith('"') ? name!.slice(1, -1).replaceAll('""', '"') : name!.toLowerCase(),
      isQualified: schema !== undefined,
    })),
  );
}

/** One of them as a sentence, for a warning. Pure. */
export const fragileText = ({ signature, usedBy, bareName }: FragileFunction): string =>
  `a restore may fail: ${usedBy} runs ${signature}, which finds "${bareName}" only through the search_path`;

/** Functions whose body is stored as text (a standard SQL body is bound when it is created), and what runs them in a restore. */
const FUNCTIONS = `
  with recursive used(proc, by) as (
    select d.refobjid,
           case d.classid
             when 'pg_catalog.pg_constraint'::pg_catalog.regclass then pg_catalog.format('constraint %s', (select conname from pg_catalog.pg_constraint where oid = d.objid))
             when 'pg_catalog.pg_attrdef'::pg_catalog.regclass then pg_catalog.format('a generated column of %s', (select adrelid::pg_catalog.regclass from pg_catalog.pg_attrdef where oid = d.objid))
             else pg_catalog.format('%s', d.objid::pg_catalog.regclass) end
      from pg_catalog.pg_depend as d
     where d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
       and (d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
            or d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
               and exists (select from pg_catalog.pg_class as c where c.oid = d.objid and c.relkind in ('i', 'I', 'p'))
            or d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
               and exists (select from pg_catalog.pg_attrdef as f
                             join pg_catalog.pg_attribute as a on a.attrelid = f.adrelid and a.attnum = f.adnum
                            where f.oid = d.objid and a.attgenerated <> ''))
  ), views(oid, by) as (
    select c.oid, pg_catalog.format('the materialized view %s', c.oid::pg_catalog.regclass)
      from pg_catalog.pg_class as c where c.relkind = 'm' and c.relispopulated
    union
    select d.refobjid, v.by
      from views as v
      join pg_catalog.pg_rewrite as r on r.ev_class = v.oid
      join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      join pg_catalog.pg_class as c on c.oid = d.refobjid and c.relkind = 'v'
  ), runs(proc, by) as (
    select proc, by from used
    union all
    select d.refobjid, v.by
      from views as v
      join pg_catalog.pg_rewrite as r on r.ev_class = v.oid
      join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
     where d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  )
  select p.oid::pg_catalog.text as oid, n.nspname::pg_catalog.text as schema, p.proname::pg_catalog.text as name,
         pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) as signature,
         p.prosrc as source,
         (select pg_catalog.substr(c.setting, 13) from pg_catalog.unnest(p.proconfig) as c(setting)
           where c.setting like 'search\\_path=%') as path,
         (select pg_catalog.min(r.by) from runs as r where r.proc = p.oid) as "usedBy"
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    join pg_catalog.pg_language as l on l.oid = p.prolang
   where l.lanname in ('sql', 'plpgsql') and p.prokind = 'f' and n.nspname not in ('pg_catalog', 'information_schema')
     and pg_catalog.to_jsonb(p)->>'prosqlbody' is null
     and not exists (select from pg_catalog.pg_depend as e
                      where e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and e.objid = p.oid and e.deptype = 'e')
   order by 4`;

/** Everything that an unqualified name may mean outside pg_catalog, except names that pg_catalog also has, and where it is. */
const NAMES = `
  with named as (
    select 'relation' as kind, relname::pg_catalog.text as name, relnamespace as space
      from pg_catalog.pg_class where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'function', proname::pg_catalog.text, pronamespace from pg_catalog.pg_proc
    union all
    select 'type', typname::pg_catalog.text, typnamespace from pg_catalog.pg_type where typtype in ('e', 'd', 'r', 'm', 'c')
  )
  select kind, name, pg_catalog.json_agg(distinct nspname::pg_catalog.text) as schemas
    from named join pg_catalog.pg_namespace as n on n.oid = space
   where nspname !~ '^pg_(toast|temp_|toast_temp_)'
   group by kind, name
  having pg_catalog.bool_and(nspname not in ('pg_catalog', 'information_schema'))`;
