import type { DatabasePart } from '../../backup/manifest.js';
import type { Clock } from '../../clock.js';
import { PotctlError } from '../../errors.js';
import { sqlstateOf } from '../../postgres/errors.js';
import { quoteIdentifier, quoteQualified } from '../../postgres/identifiers.js';
import type { Server, Session } from '../../postgres/server.js';
import { inSession } from '../in-session.js';

const BUDGET_MS = 4_000;
const PER_TABLE_MS = 1_000;
/** Columns by which applications say when a row came to be, or was changed, in this order. */
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
];

/** What a table would lose. */
export interface TableLoss {
  readonly schema: string;
  readonly table: string;
  /** Rows now; null when even an estimate is missing. */
  readonly rowsNow: number | null;
  /** false: the planner's estimate, since it was not counted. */
  readonly exact: boolean;
  /** Rows in the backup; null = not in it or not counted. */
  readonly rowsInBackup: number | null;
  readonly inBackup: boolean;
  /** Rows whose time column is later than the backup; null = could not be told. */
  readonly writtenSince: number | null;
  /** RFC 3339 UTC; null = no time column, or no time to look. */
  readonly newest: string | null;
}

/** What the live database has that the backup has not, as far as it could be counted in a few seconds. */
export interface ObservedLoss {
  readonly tables: readonly TableLoss[];
  /** Tables of the backup that the live database has not: they come back. */
  readonly missing: readonly string[];
  /** What could not be told, in words. */
  readonly unknown: readonly string[];
}

interface Candidate {
  readonly schema: string;
  readonly table: string;
  readonly estimate: string;
  readonly bytes: string;
  readonly column: string | null;
  readonly zoned: boolean;
}

/**
 * Compares the live database's tables with the backup's: exact counts while the budget of a few seconds lasts, the smallest tables first,
 * then the planner's estimates. Reads only.
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
    // A database that cannot be read is a reason to restore it, not one against.
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
    // A count that policies cut short would hide a loss.
    await session.query('set row_security = off; set default_transaction_read_only = on');
    const candidates = await readCandidates(session);
    const inBackup = new Map(part.inventory.tables.map((entry) => [`${entry.schema}.${entry.table}`, entry.count]));
    const end = clock.monotonicMs() + BUDGET_MS;
    const tables: TableLoss[] = [];
    let refused = 0;
    for (const candidate of candidates) {
      const key = `${candidate.schema}.${candidate.table}`;
      const left = Math.min(PER_TABLE_MS, Math.floor(end - clock.monotonicMs()));
      const counted = left > 10 ? await countTable(session, candidate, takenAt, left) : 'late';
      if (counted === 'refused') refused += 1;
      tables.push(lossOf(candidate, typeof counted === 'string' ? undefined : counted, inBackup.get(key)));
      inBackup.delete(key);
    }
    return { tables, missing: [...inBackup.keys()], unknown: unknownOf(tables, candidates, refused) };
  });
}

interface Counted {
  readonly rows: number;
  readonly since: number | null;
  readonly newest: string | null;
}

/** @param rowsInBackup undefined = the table is not in the backup, null = its rows were not counted there */
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
    `select n.nspname::text as schema, c.relname::text as table, c.reltuples::bigint::text as estimate,
            pg_relation_size(c.oid)::text as bytes, t.column, coalesce(t.zoned, false) as zoned
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       left join lateral (
            select a.attname::text as column, a.atttypid = 'timestamptz'::regtype as zoned
              from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
               and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)
               and a.attname = any ($1::name[])
             order by array_position($1::text[], a.attname::text)
             limit 1) t on true
      where c.relkind = 'r' and c.relpersistence <> 't'
        and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_toast%'
        and not exists (select from pg_depend d
                         where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
      order by pg_relation_size(c.oid), 1, 2`,
    [TIME_COLUMNS],
  );
}

/** Why there is no count: the time was too short; the role may not read it, or row security hides rows from it. Then nothing is claimed. */
type Uncounted = 'late' | 'refused';

async function countTable(
  session: Session,
  { schema, table, column, zoned }: Candidate,
  takenAt: string,
  budgetMs: number,
): Promise<Counted | Uncounted> {
  const instant = column === null ? null : `${quoteIdentifier(column)}${zoned ? '' : ` at time zone 'UTC'`}`;
  const times =
    instant === null
      ? 'null::text as since, null::text as newest'
      : `(count(*) filter (where ${instant} > $1::timestamptz))::text as since,
         to_char(max(${instant}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as newest`;
  const sql = `select count(*)::text as rows, ${times} from only ${quoteQualified(schema, table)}`;
  try {
    await session.query(`set statement_timeout = ${budgetMs}`);
    type Row = { rows: string; since: string | null; newest: string | null };
    const [row] = await session.query<Row>(sql, instant === null ? [] : [takenAt]);
    return { rows: Number(row!.rows), since: row!.since === null ? null : Number(row!.since), newest: row!.newest };
  } catch (error) {
    return sqlstateOf(error) === '57014' ? 'late' : 'refused';
  }
}

function estimateOf({ estimate, bytes }: Candidate): number | null {
  if (Number(bytes) === 0) return 0;
  return Number(estimate) < 0 ? null : Number(estimate);
}

function unknownOf(tables: readonly TableLoss[], candidates: readonly Candidate[], refused: number): string[] {
  const estimated = tables.filter(({ exact }) => !exact).length - refused;
  const timeless = candidates.filter(({ column }) => column === null).length;
  const unknown: string[] = [];
  if (estimated > 0)
    unknown.push(`${estimated} tables are estimated: counting them would take longer than a few seconds`);
  if (refused > 0)
    unknown.push(`${refused} tables are estimated: this role may not read all their rows (rights or row security)`);
  if (timeless > 0) unknown.push(`${timeless} tables have no column that tells when a row was written`);
  return unknown;
}
