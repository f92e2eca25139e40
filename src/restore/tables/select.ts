import { closest } from '../../kernel/closest.js';
import { PotctlError } from '../../kernel/errors.js';
import { type Again, advice, again, potctl } from '../../kernel/next.js';
import type { GraphEntry } from './graph.js';
import { quotedPart, type TableName } from './names.js';

/** Something of a chosen table that does not come along. */
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

/** A chosen table, as the dump has it. */
export interface ChosenTable {
  readonly schema: string;
  readonly name: string;
  readonly dumpId: number;
  /** Its partitions at every depth. */
  readonly partitions: readonly GraphEntry[];
}

/** What has to be restored for the chosen tables. */
export interface TableSelection {
  readonly tables: readonly ChosenTable[];
  /** Dump ids, in the order of the archive. */
  readonly entries: readonly number[];
  readonly leftOut: readonly LeftOut[];
  /** Entries that the chosen ones need and that do not come along: types, functions, extensions, sequences of others. */
  readonly needs: readonly GraphEntry[];
}

/** What belongs to a table and comes along. */
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

/** The present line for the whole database, beside the live one. */
export const WHOLE_BESIDE: Again = {
  ...again('--mode', 'new', '--into', 'NAME'),
  // They exclude each other, and the name that was typed was that of the schema.
  without: ['--tables', '--into-schema', '--confirm'],
};

const KINDS: Readonly<Record<string, string>> = {
  VIEW: 'a view',
  'MATERIALIZED VIEW': 'a materialized view',
  'FOREIGN TABLE': 'a foreign table',
  SEQUENCE: 'a sequence',
};

/**
 * Chooses what of a dump the named tables need: themselves, their partitions, data, indexes, constraints and sequences, and what these rest
 * on. Pure.
 *
 * @param backup its id, for messages
 * @throws E_PIECE_NOT_FOUND with near names; E_USAGE for a name that several schemas have, two tables of one name; E_REFUSED for a partition, a view
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

/** Partition → parent. `TABLE ATTACH` needs both; the partition itself needs its parent. */
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
      why: 'only tables hold rows of their own in a backup',
      fix: [advice`Name the tables that it reads, or restore the whole database beside: ${WHOLE_BESIDE}.`],
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

/** Those of that name, and the name as the dump has it. */
function called(
  relations: readonly GraphEntry[],
  name: TableName,
): { readonly found: readonly GraphEntry[]; readonly used: TableName } {
  const exact = relations.filter((entry) => bears(entry, name));
  if (exact.length > 0) return { found: exact, used: name };
  return { found: relations.filter((entry) => bears(entry, folded(name))), used: folded(name) };
}

/** What is wanted as one list for `--tables`, with the table at the top in the place of each partition. */
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

/** pg_restore prints names without quotes and line feeds as blanks: a known name can be found there, not read from it. */
function bears(entry: GraphEntry, { schema, name }: TableName): boolean {
  const printed = (text: string): string => text.replace(/[\r\n]/g, ' ');
  if (schema === null) return entry.name === printed(name);
  return `${entry.schema} ${entry.name}` === `${printed(schema)} ${printed(name)}`;
}

/** As PostgreSQL reads a name without quotes. */
const folded = ({ schema, name, text }: TableName): TableName =>
  text.includes('"')
    ? { schema, name, text }
    : { schema: schema?.toLowerCase() ?? null, name: name.toLowerCase(), text };

/** Everything of the chosen tables: what needs one of them, or something that is theirs, and no table that was not chosen. */
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

/** What these entries rest on, at any depth. */
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
  // A foreign key needs both its tables, and is printed with the name of its own in front.
  const owner = tables.filter((id) => entry.name.startsWith(`${byId.get(id)!.name} `)).at(0);
  const isOurs =
    kind === 'foreign key' ? owner !== undefined && chosen.has(owner) : tables.some((id) => chosen.has(id));
  return isOurs ? [{ kind, name: `${entry.schema ?? ''}.${entry.name}`.replace(/^\./, '') }] : [];
}

function refuseSameName(tables: readonly ChosenTable[]): void {
  const twice = tables.find(({ name }, at) => tables.findIndex((other) => other.name === name) < at);
  if (twice === undefined) return;
  throw new PotctlError('E_USAGE', `two of the tables are called '${twice.name}': they cannot lie in one schema`, {
    fix: ['Restore them one after the other, each with its own `--into-schema`.'],
  });
}

function notFound(relations: readonly GraphEntry[], { text, name }: TableName, backup: string): PotctlError {
  const near = closest(
    name,
    relations.map((entry) => entry.name),
  );
  const named = relations.find((entry) => entry.name === near);
  return new PotctlError('E_PIECE_NOT_FOUND', `the backup has no table '${text}'`, {
    fix: [
      ...(named === undefined ? [] : [`Did you mean '${named.schema}.${named.name}'?`]),
      advice`See the tables: ${potctl('backup', 'show', backup)}`,
    ],
  });
}

function ambiguous(found: readonly GraphEntry[], { text }: TableName): PotctlError {
  return new PotctlError('E_USAGE', `several schemas have a table '${text}'`, {
    fix: [`Name one of ${found.map(({ schema, name }) => `'${schema}.${name}'`).join(', ')}.`],
  });
}

function isPartition({ text }: TableName, parent: GraphEntry, whole: string): PotctlError {
  return new PotctlError('E_REFUSED', `'${text}' is a partition of '${parent.schema}.${parent.name}'`, {
    why: 'a partition alone is no table that anybody could read as such',
    fix: [advice`Name the whole table: ${{ ...again('--tables', whole), without: ['--tables'] }}`],
  });
}
