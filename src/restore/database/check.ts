import type { DatabasePart } from '../../catalog/manifest.js';
import type { TocEntry } from '../../dump/toc.js';
import { quoteQualified } from '../../postgres/identifiers.js';
import type { Server, Session } from '../../postgres/server.js';
import type { Finding } from '../../runs/accept.js';
import { type CountRequest, countTables, isFinding } from './count-tables.js';
import { countNotValid, type DumpedSequence, type DumpToRead, readDumpedSequences } from './definitions.js';

const SEQUENCES_AT_ONCE = 100;

/** What the checks of a restored database came to. */
export interface DatabaseChecks {
  /** Tables whose rows were counted, and how many they are. */
  readonly tables: number;
  readonly rows: number;
  /** Tables for which the backup has no count that could be compared. */
  readonly notCompared: number;
  readonly sequences: number;
  readonly largeObjects: number;
}

/** What to check it with. */
export interface CheckRequest extends CountRequest {
  readonly part: DatabasePart;
  /** What the dump itself says. */
  readonly dump: DumpToRead;
  readonly toc: readonly TocEntry[];
}

/**
 * Compares a restored database with what its backup says: rows of every table with data, sequences, large objects; and looks for invalid
 * indexes and for constraints that are not valid although the dump made them so. A check that cannot be made is a finding.
 *
 * Not comparable: materialized views, foreign tables, members of extensions without configuration; the dump has no data of them.
 *
 * @param session on the restored database, without a limit of time
 * @returns what differs, each with the name by which it can be accepted
 * @throws E_DB_*, E_TOOL_*
 */
export async function checkDatabase(
  server: Server,
  session: Session,
  request: CheckRequest,
): Promise<{ readonly checks: DatabaseChecks; readonly findings: readonly Finding[] }> {
  const { part } = request;
  const comparable = part.inventory.tables.filter(({ member }) => member !== null);
  const exact = comparable.filter(({ count, exact }) => exact && count !== null);
  const sequences =
    part.dump.format === 'plain' ? toldSequences(part) : await readDumpedSequences(request.dump, request.toc);
  const counted = await countTables(server, session, request, exact);
  const findings = [
    ...counted.findings,
    ...(await checkSequences(session, sequences)),
    ...(await checkLargeObjects(session, part)),
    ...(await checkIndexes(session)),
    ...(await checkConstraints(session, part, request.dump)),
  ];
  const { tables, rows } = counted;
  const notCompared = comparable.length - tables;
  const largeObjects = part.inventory.large_objects;
  return { checks: { tables, rows, notCompared, sequences: sequences.length, largeObjects }, findings };
}

async function checkSequences(session: Session, sequences: readonly DumpedSequence[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (let from = 0; from < sequences.length; from += SEQUENCES_AT_ONCE) {
    findings.push(...(await checkBatch(session, sequences.slice(from, from + SEQUENCES_AT_ONCE))));
  }
  return findings;
}

/** One statement for many; where that fails, one for each tells which it is. */
async function checkBatch(session: Session, batch: readonly DumpedSequence[]): Promise<Finding[]> {
  const selects = batch.map(
    ({ name }, index) =>
      `select ${index} as index, last_value::pg_catalog.text as value, is_called as called from ${name}`,
  );
  try {
    const rows = await session.query<{ index: number; value: string; called: boolean }>(selects.join(' union all '));
    return rows.flatMap(({ index, value, called }) => {
      const { name, value: dumped, called: wasCalled } = batch[index]!;
      if (value === dumped && called === wasCalled) return [];
      const detail = `the sequence ${name} is at ${positionOf(value, called)}, in the dump at ${positionOf(dumped, wasCalled)}`;
      return [failed(`sequence:${name}`, detail)];
    });
  } catch (error) {
    if (!isFinding(error)) throw error;
    const [first] = batch;
    if (batch.length === 1) {
      const detail = `the sequence ${first!.name} cannot be read: ${error.message}`;
      return [{ name: `sequence:${first!.name}`, state: 'unknown', detail }];
    }
    const each: Finding[] = [];
    for (const sequence of batch) each.push(...(await checkBatch(session, [sequence])));
    return each;
  }
}

const failed = (name: string, detail: string): Finding => ({ name, state: 'fail', detail });

const positionOf = (value: string, called: boolean): string => (called ? value : `${value}, not used yet`);

/** Where a plain dump, read as a whole, puts its sequences. */
function toldSequences({ inventory }: DatabasePart): DumpedSequence[] {
  return inventory.sequences.map(({ schema, name, last_value, is_called }) => ({
    name: quoteQualified(schema, name),
    value: last_value,
    called: is_called,
  }));
}

async function checkLargeObjects(session: Session, { inventory }: DatabasePart): Promise<Finding[]> {
  const [row] = await session.query<{ found: string }>(
    'select pg_catalog.count(*)::pg_catalog.text as found from pg_catalog.pg_largeobject_metadata',
  );
  const expected = String(inventory.large_objects);
  if (row!.found === expected) return [];
  return [failed('large-objects', `there are ${row!.found} large objects, the backup has ${expected}`)];
}

/** Indexes of partitioned tables may be invalid by design, while a partition lacks its own. */
async function checkIndexes(session: Session): Promise<Finding[]> {
  const rows = await session.query<{ name: string }>(
    `select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
       from pg_catalog.pg_index as i
       join pg_catalog.pg_class as c on c.oid = i.indexrelid
       join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      where not i.indisvalid and c.relkind = 'i'
      order by 1`,
  );
  return rows.map(({ name }) => failed(`index:${name}`, `the index ${name} is not valid`));
}

/**
 * The dump says of each constraint that it makes without validating it, once. In the catalog such a one stands once more for every child that
 * inherits it, and for every partition of what it refers to; what an extension brings, or nobody enforces, is in no line of the dump.
 */
async function checkConstraints(session: Session, part: DatabasePart, dump: DumpToRead): Promise<Finding[]> {
  const rows = await session.query<{ name: string }>(
    `select pg_catalog.format('%I.%I.%I', n.nspname, coalesce(c.relname, t.typname), k.conname) as name
       from pg_catalog.pg_constraint as k
       left join pg_catalog.pg_class as c on c.oid = k.conrelid
       left join pg_catalog.pg_type as t on t.oid = k.contypid
       join pg_catalog.pg_namespace as n on n.oid = coalesce(c.relnamespace, t.typnamespace)
      where not k.convalidated and k.conislocal and k.conparentid = 0
        and pg_catalog.to_jsonb(k)->>'conenforced' is distinct from 'false'
        and not exists (select from pg_catalog.pg_depend as d
                         where d.objid in (c.oid, t.oid) and d.objsubid = 0 and d.deptype = 'e'
                           and d.classid in ('pg_catalog.pg_class'::pg_catalog.regclass,
                                             'pg_catalog.pg_type'::pg_catalog.regclass))
      order by 1`,
  );
  if (rows.length === 0 || rows.length <= (part.inventory.not_valid ?? (await countNotValid(dump)))) return [];
  return rows.map(({ name }) => failed(`constraint:${name}`, `the constraint ${name} is not validated`));
}
