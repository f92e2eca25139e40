import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import { quoteQualified } from '../postgres/identifiers.js';
import { PLANNING_RUNS_CODE } from '../postgres/planning-code.js';
import type { Session } from '../postgres/server.js';

/** A table, partitioned table or sequence, as the catalog describes it. */
export interface DumpedTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `r` table, `p` partitioned table, `S` sequence. */
  readonly kind: 'r' | 'p' | 'S';
  /** False for objects of an extension, and for unlogged tables on a standby. */
  readonly dumped: boolean;
  /** Only for an extension's configuration table: which rows are dumped, `where …`, empty for all; null for every other table. */
  readonly condition: string | null;
  /** The estimated number of rows; -1 = never analyzed. */
  readonly estimate: number;
  readonly readable: boolean;
  readonly hidesRows: boolean;
  /** Whether a query on it would run functions of its owner. @see PLANNING_RUNS_CODE */
  readonly runsCode: boolean;
}

/** Returns whether its name has bytes that are not UTF-8, as SQL_ASCII allows. pg_dump can dump it, but we cannot name it. */
export function isUnnameable({ schema, name }: Pick<DumpedTable, 'schema' | 'name'>): boolean {
  return schema.includes('\u{FFFD}') || name.includes('\u{FFFD}');
}

const NAMED = 5;

/** Lists what pg_dump will dump, by its own rules. Takes no locks. */
export function readTables(session: Session): Promise<DumpedTable[]> {
  return session.query<DumpedTable>(`
    select c.oid, n.nspname as schema, c.relname as name, c.relkind::text as kind,
           (not member.is_member or config.condition is not null)
             and not (c.relpersistence = 'u' and pg_is_in_recovery()) as dumped,
           config.condition,
           c.reltuples::float8 as estimate,
           has_schema_privilege(n.oid, 'USAGE') and case c.relkind
             when 'S' then has_sequence_privilege(c.oid, 'SELECT') else has_table_privilege(c.oid, 'SELECT') end as readable,
           c.relkind = 'r' and row_security_active(c.oid) as "hidesRows",
           c.relkind = 'r' and ${PLANNING_RUNS_CODE} as "runsCode"
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     cross join lateral (
           select exists (select from pg_depend d
                           where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0
                             and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e') as is_member) as member
      left join lateral (
           select coalesce(e.extcondition[array_position(e.extconfig, c.oid)], '') as condition
             from pg_extension e where c.oid = any (e.extconfig) limit 1) as config on true
     where c.relkind in ('r', 'p', 'S') and c.relpersistence <> 't'
       and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     order by n.nspname, c.relname`);
}

/**
 * Refuses tables that this role cannot read completely, before hours of dumping, and instead of a dump that lacks rows.
 *
 * @throws E_DB_DENIED naming what this role may not read, or sees only partially
 */
export function refuseUnreadable(tables: readonly DumpedTable[]): void {
  const dumped = tables.filter((table) => table.dumped);
  const denied = dumped.filter(({ readable }) => !readable);
  if (denied.length > 0) {
    throw new PotctlError('E_DB_DENIED', `this role may not read ${listed(denied)}`, {
      why: 'a backup without them would be incomplete',
      fix: [
        advice`Back up with a dedicated role that can read every table: ${potctl('grants', 'sql', '--role', 'backup')}`,
        `Or grant them one by one: \`grant usage on schema … to ROLE; grant select on ${quoteQualified(denied[0]!.schema, denied[0]!.name)} to ROLE\``,
      ],
    });
  }
  const hidden = dumped.filter(({ hidesRows }) => hidesRows);
  if (hidden.length === 0) return;
  throw new PotctlError('E_DB_DENIED', `row level security may hide rows of ${listed(hidden)} from this role`, {
    why: 'a backup without them would be incomplete',
    fix: [
      advice`Back up as a superuser, or with a dedicated role that has BYPASSRLS: ${potctl('grants', 'sql', '--role', 'backup')}`,
      'Or, if the role owns the table: `alter table … no force row level security`.',
    ],
  });
}

function listed(tables: readonly DumpedTable[]): string {
  const names = tables.slice(0, NAMED).map(({ schema, name }) => quoteQualified(schema, name));
  const more = tables.length > NAMED ? ` and ${tables.length - NAMED} more` : '';
  return `${names.join(', ')}${more}`;
}

/** Relative to the draft's folder. */
export const DUMP_FOLDER = 'db/dump';
