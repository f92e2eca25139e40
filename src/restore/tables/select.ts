import { closest } from '../../kernel/closest.js';
import { PotctlError } from '../../kernel/errors.js';
import { type Again, advice, again, potctl } from '../../kernel/next.js';
import type { GraphEntry } from './graph.js';
import { quotedPart, type TableName } from './names.js';

/** Something of a chosen table that is not restored. */
export interface LeftOut {
  readonly kind:
    | 'foreign key'
    | 'trigger'
    | 'rule'
    | 'policy'
    | 'grants'
    | 'statistics'
    | 'publication'
    | 'label'
    | 'inheritance';
  /** For people: table and name as PostgreSQL lists them. */
  readonly name: string;
}

/** A chosen table, as in the dump. */
export interface ChosenTable {
  readonly schema: string;
  readonly name: string;
  readonly dumpId: number;
  /** Its partitions at every depth. */
  readonly partitions: readonly GraphEntry[];
}

/** What must be restored for the chosen tables. */
export interface TableSelection {
  readonly tables: readonly ChosenTable[];
  /** Dump ids, in the order of the archive. */
  readonly entries: readonly number[];
  readonly leftOut: readonly LeftOut[];
  /** Entries that the chosen ones depend on and that are not restored: types, functions, extensions, sequences of other tables. */
  readonly needs: readonly GraphEntry[];
}

/** Kinds of entries that belong to a table and are restored with it. */
const OWN = new Set(
  'TABLE DATA;TABLE ATTACH;CONSTRAINT;CHECK CONSTRAINT;FK CONSTRAINT;INDEX;INDEX ATTACH;DEFAULT;SEQUENCE;SEQUENCE OWNED BY;SEQUENCE SET;COMMENT;ROW SECURITY'.split(
    ';',
  ),
);

const LEFT: Readonly<Record<string, LeftOut['kind']>> = {
  'FK CONSTRAINT': 'foreign key',
  TRIGGER: 'trigger',
  RULE: 'rule',
  POLICY: 'policy',
  ACL: 'grants',
  STATISTICS: 'statistics',
  'PUBLICATION TABLE': 'publication',
  'SECURITY LABEL': 'label',
};

/** The current command line for the whole database, restored under a new name. */
export const WHOLE_BACKUP: Again = {
  ...again('--mode', 'new', '--into', 'NAME'),
  // These flags cannot be combined with --mode new, and --confirm named the schema.
  without: ['--tables', '--into-schema', '--confirm'],
};

const KINDS: Readonly<Record<string, string>> = {
  VIEW: 'a view',
  'MATERIALIZED VIEW': 'a materialized view',
  'FOREIGN TABLE': 'a foreign table',
  SEQUENCE: 'a sequence',
};

/**
 * Selects the entries of a dump that the named tables need: the tables, their partitions, data, indexes, constraints and sequences, and their
 * dependencies. Pure.
 *
 * @param backup its id, for messages
 * @throws E_PIECE_NOT_FOUND with similar names; E_USAGE for a name in several schemas, or two tables with one name; E_REFUSED for a
 * partition or a view
 */
export function selectTables(
  graph: readonly GraphEntry[],
  wanted: readonly TableName[],
  backup: string,
): TableSelection {
  const byId = new Map(graph.map((entry) => [entry.dumpId, entry]));
  const parents = partitionParents(graph, byId);
  const tables = wanted.map((name) => findTable(graph, parents, name, { wanted, backup }));
  refuseSameName(tables);
  const chosen = new Set(tables.flatMap(({ dumpId, partitions }) => [dumpId, ...partitions.map((one) => one.dumpId)]));
  const own = ownEntries(graph, byId, chosen);
  const needed = closure(own, byId);
  const leftOut = graph.flatMap((entry) => leftOutOf(entry, own, byId, chosen));
  const direct = new Set([...own].flatMap((id) => byId.get(id)?.needs ?? []));
  return {
    tables,
    entries: graph.map(({ dumpId }) => dumpId).filter((id) => own.has(id) || needed.has(id)),
    leftOut,
    needs: graph.filter(({ dumpId, desc }) => direct.has(dumpId) && !own.has(dumpId) && desc !== 'SCHEMA'),
  };
}

/** Partition → parent. `TABLE ATTACH` depends on both; the partition itself depends on its parent. */
function partitionParents(graph: readonly GraphEntry[], byId: ReadonlyMap<number, GraphEntry>): Map<number, number> {
  const parents = new Map<number, number>();
  for (const { needs } of graph.filter(({ desc }) => desc === 'TABLE ATTACH')) {
    const child = needs.find((id) => needs.some((other) => other !== id && byId.get(id)?.needs.includes(other)));
    const parent = needs.find((id) => id !== child && byId.get(child ?? -1)?.needs.includes(id));
    if (child !== undefined && parent !== undefined) parents.set(child, parent);
  }
  return parents;
}

type Parents = ReadonlyMap<number, number>;

function findTable(
  graph: readonly GraphEntry[],
  parents: Parents,
  name: TableName,
  { wanted, backup }: { readonly wanted: readonly TableName[]; readonly backup: string },
): ChosenTable {
  const relations = relationsOf(graph);
  const { found, used } = called(relations, name);
  const [only, ...others] = found;
  if (only === undefined) throw notFound(relations, name, backup);
  if (others.length > 0) throw ambiguous(found, name);
  const kind = KINDS[only.desc];
  if (kind !== undefined) {
    throw new PotctlError('E_REFUSED', `'${name.text}' is ${kind}, not a table`, {
      why: 'only tables have rows in a backup',
      fix: [advice`Restore the tables that it reads, or the whole backup into a new database: ${WHOLE_BACKUP}.`],
    });
  }
  const parent = graph.find(({ dumpId }) => dumpId === parents.get(only.dumpId));
  if (parent !== undefined) throw isPartition(name, parent, wholeTables(graph, parents, wanted));
  const isBelow = (id: number | undefined): boolean =>
    id !== undefined && (id === only.dumpId || isBelow(parents.get(id)));
  const partitions = graph.filter(({ dumpId }) => dumpId !== only.dumpId && parents.has(dumpId) && isBelow(dumpId));
  return { schema: used.schema ?? only.schema!, name: used.name, dumpId: only.dumpId, partitions };
}

const relationsOf = (graph: readonly GraphEntry[]): GraphEntry[] =>
  graph.filter(({ desc }) => desc === 'TABLE' || desc in KINDS);

/** The entries with that name, and the name as in the dump. */
function called(
  relations: readonly GraphEntry[],
  name: TableName,
): { readonly found: readonly GraphEntry[]; readonly used: TableName } {
  const exact = relations.filter((entry) => bears(entry, name));
  if (exact.length > 0) return { found: exact, used: name };
  return { found: relations.filter((entry) => bears(entry, folded(name))), used: folded(name) };
}

/** The wanted tables as one list for `--tables`, with each partition replaced by its root table. */
function wholeTables(graph: readonly GraphEntry[], parents: Parents, wanted: readonly TableName[]): string {
  const top = (id: number): number => (parents.has(id) ? top(parents.get(id)!) : id);
  const names = wanted.map((name) => {
    const [entry] = called(relationsOf(graph), name).found;
    const whole = entry && parents.has(entry.dumpId) ? top(entry.dumpId) : undefined;
    const { schema, name: table } = graph.find(({ dumpId }) => dumpId === whole) ?? {};
    return table === undefined
      ? name.text
      : [schema, table]
          .filter((part) => part != null)
          .map(quotedPart)
          .join('.');
  });
  return [...new Set(names)].join(',');
}

/** pg_restore prints names without quotes, and line feeds as spaces: a known name can be recognized, but not parsed. */
function bears(entry: GraphEntry, { schema, name }: TableName): boolean {
  const printed = (text: string): string => text.replace(/[\r\n]/g, ' ');
  if (schema === null) return entry.name === printed(name);
  return `${entry.schema} ${entry.name}` === `${printed(schema)} ${printed(name)}`;
}

/** The name as PostgreSQL folds it without quotes. */
const folded = ({ schema, name, text }: TableName): TableName =>
  text.includes('"')
    ? { schema, name, text }
    : { schema: schema?.toLowerCase() ?? null, name: name.toLowerCase(), text };

/** All entries of the chosen tables: those that depend on one of them, directly or not, and on no table that was not chosen. */
function ownEntries(
  graph: readonly GraphEntry[],
  byId: ReadonlyMap<number, GraphEntry>,
  chosen: ReadonlySet<number>,
): Set<number> {
  const own = new Set(chosen);
  const isStrange = (id: number): boolean => byId.get(id)?.desc === 'TABLE' && !chosen.has(id);
  for (let size = -1; size !== own.size; ) {
    size = own.size;
    for (const { dumpId, desc, needs } of graph) {
      if (OWN.has(desc) && needs.some((id) => own.has(id)) && !needs.some(isStrange)) own.add(dumpId);
    }
  }
  return own;
}

/** The dependencies of these entries, at any depth. */
function closure(own: ReadonlySet<number>, byId: ReadonlyMap<number, GraphEntry>): Set<number> {
  const needed = new Set<number>();
  const waiting = [...own];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const need of byId.get(id)?.needs ?? []) {
      if (own.has(need) || needed.has(need) || !byId.has(need)) continue;
      needed.add(need);
      waiting.push(need);
    }
  }
  return needed;
}

function leftOutOf(
  entry: GraphEntry,
  own: ReadonlySet<number>,
  byId: ReadonlyMap<number, GraphEntry>,
  chosen: ReadonlySet<number>,
): LeftOut[] {
  const kind = LEFT[entry.desc];
  if (kind === undefined || own.has(entry.dumpId)) return [];
  const tables = entry.needs.filter((id) => byId.get(id)?.desc === 'TABLE');
  // A foreign key depends on two tables, and its printed name starts with the name of its own table.
  const owner = tables.filter((id) => entry.name.startsWith(`${byId.get(id)!.name} `)).at(0);
  const isOurs =
    kind === 'foreign key' ? owner !== undefined && chosen.has(owner) : tables.some((id) => chosen.has(id));
  return isOurs ? [{ kind, name: `${entry.schema ?? ''}.${entry.name}`.replace(/^\./, '') }] : [];
}

function refuseSameName(tables: readonly ChosenTable[]): void {
  const twice = tables.find(({ name }, at) => tables.findIndex((other) => other.name === name) < at);
  if (twice === undefined) return;
  throw new PotctlError(
    'E_USAGE',
    `two of the tables are named '${twice.name}', so they cannot be restored into one schema`,
    {
      fix: ['Restore them separately, each with its own `--into-schema`.'],
    },
  );
}

function notFound(relations: readonly GraphEntry[], { text, name }: TableName, backup: string): PotctlError {
  const near = closest(
    name,
    relations.map((entry) => entry.name),
  );
  const named = relations.find((entry) => entry.name === near);
  return new PotctlError('E_PIECE_NOT_FOUND', `the backup contains no table '${text}'`, {
    fix: [
      ...(named === undefined ? [] : [`Did you mean '${named.schema}.${named.name}'?`]),
      advice`List the tables: ${potctl('backup', 'show', backup)}`,
    ],
  });
}

function ambiguous(found: readonly GraphEntry[], { text }: TableName): PotctlError {
  return new PotctlError('E_USAGE', `several schemas have a table '${text}'`, {
    fix: [`Use one of ${found.map(({ schema, name }) => `'${schema}.${name}'`).join(', ')}.`],
  });
}

function isPartition({ text }: TableName, parent: GraphEntry, whole: string): PotctlError {
  return new PotctlError('E_REFUSED', `'${text}' is a partition of '${parent.schema}.${parent.name}'`, {
    why: 'a partition cannot be restored on its own',
    fix: [advice`Restore the whole table: ${{ ...again('--tables', whole), without: ['--tables'] }}`],
  });
}
