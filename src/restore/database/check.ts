import type { DatabasePart } from '../../catalog/manifest.js';
import type { TocEntry } from '../../dump/toc.js';
import { quoteQualified } from '../../postgres/identifiers.js';
import type { Server, Session } from '../../postgres/server.js';
import type { Finding } from '../../runs/accept.js';
import { type CountRequest, countTables, isFinding } from './count-tables.js';
import { countNotValid, type DumpedSequence, type DumpToRead, readDumpedSequences } from './definitions.js';

const SEQUENCES_AT_ONCE = 100;

/** The result of the checks of a restored database. */
export interface DatabaseChecks {
  /** The number of tables whose rows were counted, and the rows. */
  readonly tables: number;
  readonly rows: number;
  /** Tables without a row count in the backup to compare with. */
  readonly notCompared: number;
  readonly sequences: number;
  readonly largeObjects: number;
}

/** What to check, and how. */
export interface CheckRequest extends CountRequest {
  readonly part: DatabasePart;
  /** The dump, for what the manifest does not contain. */
  readonly dump: DumpToRead;
  readonly toc: readonly TocEntry[];
}

/**
 * Compares a restored database with its backup: row counts of every table with data, sequences, large objects; and searches for invalid
 * indexes and for constraints that are not valid although they were in the dump. A check that cannot be made is a finding.
 *
 * Not compared: materialized views, foreign tables, extension members without configuration; the dump has no data of them.
 *
 * @param session on the restored database, without a statement timeout
 * @returns the differences, each with the name by which it can be accepted
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

/** One statement for many sequences; if it fails, one statement each to find the cause. */
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
      const detail = `sequence ${name}: ${positionOf(value, called)} restored, ${positionOf(dumped, wasCalled)} in the backup`;
      return [failed(`sequence:${name}`, detail)];
    });
  } catch (error) {
    if (!isFinding(error)) throw error;
    const [first] = batch;
    if (batch.length === 1) {
      const detail = `cannot read sequence ${first!.name}: ${error.message}`;
      return [{ name: `sequence:${first!.name}`, state: 'unknown', detail }];
    }
    const each: Finding[] = [];
    for (const sequence of batch) each.push(...(await checkBatch(session, [sequence])));
    return each;
  }
}

const failed = (name: string, detail: string): Finding => ({ name, state: 'fail', detail });

const positionOf = (value: string, called: boolean): string => (called ? value : `${value}, not used yet`);

/** The sequence positions of a plain dump, which was read as a whole. */
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
  return [failed('large-objects', `large objects: ${row!.found} restored, ${expected} in the backup`)];
}

/** Indexes of partitioned tables may be invalid by design, while a partition lacks its own index. */
async function checkIndexes(session: Session): Promise<Finding[]> {
  const rows = await session.query<{ name: string }>(
    `select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
       from pg_catalog.pg_index as i
       join pg_catalog.pg_class as c on c.oid = i.indexrelid
       join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      where not i.indisvalid and c.relkind = 'i'
      order by 1`,
  );
  return rows.map(({ name }) => failed(`index:${name}`, `index ${name} is invalid`));
}

/**
 * The dump mentions each constraint that it creates without validation once. The catalog lists such a constraint again for every child that
 * inherits it, and for every partition of the referenced table; constraints of extensions and unenforced ones are not in the dump.
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
  return rows.map(({ name }) => failed(`constraint:${name}`, `constraint ${name} is not validated`));
}
