import type { DatabasePart, TableRows } from '../../catalog/manifest.js';
import type { Clock } from '../../kernel/clock.js';
import { counted, verb } from '../../kernel/counted.js';
import { PotctlError } from '../../kernel/errors.js';
import { sqlstateOf } from '../../postgres/errors.js';
import { quoteIdentifier, quoteQualified } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import { PLANNING_RUNS_CODE } from '../../postgres/planning-code.js';
import type { Server, Session } from '../../postgres/server.js';

const BUDGET_MS = 4_000;
const PER_TABLE_MS = 1_000;
/** Columns in which applications store when a row was created or updated, in order of preference. */
const TIME_COLUMNS = [
  'updated_at',
  'created_at',
  'atualizado_em',
  'criado_em',
  'updatedAt',
  'createdAt',
  'atualizadoEm',
  'criadoEm',
  'changed_at',
  'inserted_at',
  'occurred_at',
  'timestamp',
  'ts',
  'at',
];

/** What a restore would remove from a table; partitions are reported under their root. */
export interface TableLoss {
  readonly schema: string;
  readonly table: string;
  /** Current rows; null if not even an estimate exists. */
  readonly rowsNow: number | null;
  /** false: not counted, but the planner's estimate. */
  readonly exact: boolean;
  /** Rows in the backup; null = the table is not in it, or was not counted. */
  readonly rowsInBackup: number | null;
  readonly inBackup: boolean;
  /** Rows whose timestamp is later than the backup; null = unknown. */
  readonly writtenSince: number | null;
  /** RFC 3339 UTC; null = no known timestamp column, or not enough time. */
  readonly newest: string | null;
}

/** What the live database has and the backup does not, as far as it can be counted in a few seconds. */
export interface ObservedLoss {
  readonly tables: readonly TableLoss[];
  /** Tables in the backup that the live database lacks: the restore brings them back. */
  readonly missing: readonly string[];
  /** What could not be determined, as text. */
  readonly unknown: readonly string[];
}

interface Candidate {
  readonly schema: string;
  readonly table: string;
  /** `r` table, `p` partitioned table. */
  readonly kind: string;
  /** For a partition: its root table. */
  readonly rootSchema: string | null;
  readonly rootName: string | null;
  /** For an extension's configuration table: which rows are dumped. */
  readonly condition: string | null;
  readonly estimate: string;
  readonly bytes: string;
  readonly column: string | null;
  readonly zoned: boolean;
  /** @see PLANNING_RUNS_CODE */
  readonly guarded: boolean;
}

/**
 * Compares the live database's tables with the backup's: exact counts until the budget of a few seconds is used up, smallest tables first,
 * then the planner's estimates. Read-only.
 */
export async function observeLoss(
  deps: { readonly server: Server; readonly clock: Clock; readonly signal: AbortSignal },
  database: string,
  part: DatabasePart,
  takenAt: string,
): Promise<ObservedLoss> {
  try {
    return await compareTables(deps, database, part, takenAt);
  } catch (error) {
    deps.signal.throwIfAborted();
    if (!(error instanceof PotctlError)) throw error;
    // A database that cannot be read is a reason to restore it, not a reason against.
    return { tables: [], missing: [], unknown: [`the live database cannot be read: ${error.message}`] };
  }
}

async function compareTables(
  { server, clock }: { readonly server: Server; readonly clock: Clock },
  database: string,
  part: DatabasePart,
  takenAt: string,
): Promise<ObservedLoss> {
  const opening = server.session({ database, purpose: 'restore.plan', statementTimeoutMs: BUDGET_MS });
  return inSession(opening, async (session) => {
    // A count reduced by row security policies would hide a loss.
    await session.query('set row_security = off; set default_transaction_read_only = on');
    const inBackup = new Map(part.inventory.tables.map((entry) => [keyOf(entry.schema, entry.table), entry]));
    const candidates = comparableOf(await readCandidates(session), inBackup);
    const end = clock.monotonicMs() + BUDGET_MS;
    const losses: { root: string; loss: TableLoss }[] = [];
    let refused = 0;
    for (const candidate of candidates) {
      const key = keyOf(candidate.schema, candidate.table);
      const left = Math.min(PER_TABLE_MS, Math.floor(end - clock.monotonicMs()));
      const isDue = left > 10 && !candidate.guarded;
      const counted = isDue ? await countTable(session, candidate, takenAt, left) : 'late';
      if (counted === 'refused') refused += 1;
      const root = candidate.rootSchema === null ? key : keyOf(candidate.rootSchema, candidate.rootName!);
      const known = typeof counted === 'string' ? undefined : counted;
      losses.push({ root, loss: lossOf(candidate, known, inBackup.get(key)?.count) });
      inBackup.delete(key);
    }
    const tables = atTheirRoots(losses);
    return {
      tables,
      missing: await missingOf(session, [...inBackup.values()]),
      unknown: unknownOf(tables, candidates, refused),
    };
  });
}

const keyOf = (schema: string, table: string): string => JSON.stringify([schema, table]);

/** If an imported dump contains a partition root, the root is counted instead of its partitions. */
function comparableOf(all: readonly Candidate[], inBackup: ReadonlyMap<string, TableRows>): Candidate[] {
  const isThroughRoot = (schema: string | null, name: string | null): boolean =>
    schema !== null && inBackup.get(keyOf(schema, name!))?.partitioned === true;
  return all.filter(({ kind, schema, table, rootSchema, rootName }) =>
    kind === 'p' ? isThroughRoot(schema, table) : !isThroughRoot(rootSchema, rootName),
  );
}

/** A restore through the root may distribute rows differently among its partitions: only their sum shows a loss. */
function atTheirRoots(losses: readonly { readonly root: string; readonly loss: TableLoss }[]): TableLoss[] {
  const byRoot = new Map<string, TableLoss>();
  for (const { root, loss } of losses) {
    const [schema, table] = JSON.parse(root) as [string, string];
    const known = byRoot.get(root);
    byRoot.set(root, known === undefined ? { ...loss, schema, table } : { ...together(known, loss), schema, table });
  }
  return [...byRoot.values()];
}

function together(one: TableLoss, other: TableLoss): TableLoss {
  const sum = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : a + b);
  // A partition that is not in the backup has no rows there.
  const inBackupOf = ({ inBackup, rowsInBackup }: TableLoss): number | null => (inBackup ? rowsInBackup : 0);
  const isKnown = one.inBackup || other.inBackup;
  return {
    ...one,
    rowsNow: sum(one.rowsNow, other.rowsNow),
    exact: one.exact && other.exact,
    rowsInBackup: isKnown ? sum(inBackupOf(one), inBackupOf(other)) : null,
    inBackup: isKnown,
    writtenSince: sum(one.writtenSince, other.writtenSince),
    newest:
      [one.newest, other.newest]
        .filter((time) => time !== null)
        .sort()
        .at(-1) ?? null,
  };
}

/** A relation of another kind with that name, e.g. an extension's own table, does not count as missing. */
async function missingOf(session: Session, tables: readonly TableRows[]): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select asked.schema || '.' || asked.name as name
       from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]))
            with ordinality as asked(schema, name, place)
      where not exists (select from pg_catalog.pg_class as c
                          join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
                         where n.nspname = asked.schema and c.relname = asked.name)
      order by asked.place`,
    [tables.map(({ schema }) => schema), tables.map(({ table }) => table)],
  );
  return rows.map(({ name }) => name);
}

interface Counted {
  readonly rows: number;
  readonly since: number | null;
  readonly newest: string | null;
}

/** @param rowsInBackup undefined = the table is not in the backup, null = its rows were not counted */
function lossOf(
  candidate: Candidate,
  counted: Counted | undefined,
  rowsInBackup: number | null | undefined,
): TableLoss {
  return {
    schema: candidate.schema,
    table: candidate.table,
    rowsNow: counted?.rows ?? estimateOf(candidate),
    exact: counted !== undefined,
    rowsInBackup: rowsInBackup ?? null,
    inBackup: rowsInBackup !== undefined,
    writtenSince: counted?.since ?? null,
    newest: counted?.newest ?? null,
  };
}

async function readCandidates(session: Session): Promise<Candidate[]> {
  return session.query<Candidate & object>(
    `select n.nspname::pg_catalog.text as schema, c.relname::pg_catalog.text as table, c.relkind::pg_catalog.text as kind,
            rn.nspname::pg_catalog.text as "rootSchema", r.relname::pg_catalog.text as "rootName", config.condition,
            c.reltuples::pg_catalog.int8::pg_catalog.text as estimate,
            pg_catalog.pg_relation_size(c.oid)::pg_catalog.text as bytes, t.column, coalesce(t.zoned, false) as zoned,
            ${PLANNING_RUNS_CODE} as guarded
       from pg_catalog.pg_class as c
       join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
       left join pg_catalog.pg_class as r on r.oid = pg_catalog.pg_partition_root(c.oid)
       left join pg_catalog.pg_namespace as rn on rn.oid = r.relnamespace
       left join lateral (
            select coalesce(e.extcondition[pg_catalog.array_position(e.extconfig, c.oid)], '') as condition
              from pg_catalog.pg_extension as e where c.oid = any (e.extconfig) limit 1) as config on true
       left join lateral (
            select a.attname::pg_catalog.text as column, a.atttypid = 'pg_catalog.timestamptz'::pg_catalog.regtype as zoned
              from pg_catalog.pg_attribute as a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
               and a.atttypid in ('pg_catalog.timestamptz'::pg_catalog.regtype, 'pg_catalog.timestamp'::pg_catalog.regtype)
               and a.attname = any ($1::pg_catalog.name[])
             order by pg_catalog.array_position($1::pg_catalog.text[], a.attname::pg_catalog.text)
             limit 1) as t on true
      where c.relkind in ('r', 'p') and c.relpersistence <> 't'
        and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_toast%'
        and (config.condition is not null
             or not exists (select from pg_catalog.pg_depend as d
                             where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
                               and d.deptype = 'e'))
      order by pg_catalog.pg_relation_size(c.oid), 1, 2`,
    [TIME_COLUMNS],
  );
}

/** Why a table was not counted. `late`: not enough time; `refused`: the role may not read it, or row security hides rows. */
type Uncounted = 'late' | 'refused';

async function countTable(
  session: Session,
  { schema, table, kind, condition, column, zoned }: Candidate,
  takenAt: string,
  budgetMs: number,
): Promise<Counted | Uncounted> {
  const instant = column === null ? null : `${quoteIdentifier(column)}${zoned ? '' : ` at time zone 'UTC'`}`;
  const times =
    instant === null
      ? 'null::pg_catalog.text as since, null::pg_catalog.text as newest'
      : `(pg_catalog.count(*) filter (where ${instant} > $1::pg_catalog.timestamptz))::pg_catalog.text as since,
         pg_catalog.to_char(pg_catalog.max(${instant}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as newest`;
  const from = `${kind === 'p' ? '' : 'only '}${quoteQualified(schema, table)} ${condition ?? ''}`;
  const sql = `select pg_catalog.count(*)::pg_catalog.text as rows, ${times} from ${from}`;
  try {
    await session.query(`set statement_timeout = ${budgetMs}`);
    type Row = { rows: string; since: string | null; newest: string | null };
    const [row] = await session.query<Row>(sql, instant === null ? [] : [takenAt]);
    return { rows: Number(row!.rows), since: row!.since === null ? null : Number(row!.since), newest: row!.newest };
  } catch (error) {
    return sqlstateOf(error) === '57014' ? 'late' : 'refused';
  }
}

/** For a partially dumped table, an estimate of the whole table would look like a loss. */
function estimateOf({ kind, condition, estimate, bytes }: Candidate): number | null {
  if (condition !== null && condition !== '') return null;
  if (kind === 'r' && Number(bytes) === 0) return 0;
  return Number(estimate) < 0 ? null : Number(estimate);
}

function unknownOf(tables: readonly TableLoss[], candidates: readonly Candidate[], refused: number): string[] {
  const guarded = candidates.filter((candidate) => candidate.guarded).length;
  const estimated = tables.filter(({ exact }) => !exact).length - guarded - refused;
  const timeless = candidates.filter(({ column }) => column === null).length;
  const unknown: string[] = [];
  if (estimated > 0) unknown.push(`${areEstimated(estimated)}: counting takes longer than a few seconds`);
  if (refused > 0)
    unknown.push(`${areEstimated(refused)}: this role may not read all rows (privileges or row security)`);
  if (guarded > 0)
    unknown.push(`${areEstimated(guarded)}: counting would run functions that their owners use in indexes`);
  if (timeless > 0)
    unknown.push(
      `${counted(timeless, 'table')} ${verb(timeless, 'has', 'have')} no known timestamp column (updated_at, created_at, …)`,
    );
  return unknown;
}

const areEstimated = (tables: number): string => `${counted(tables, 'table')} ${verb(tables, 'is', 'are')} estimated`;
