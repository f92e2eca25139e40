import { PotctlError } from '../../kernel/errors.js';
import { advice } from '../../kernel/next.js';
import { sqlstateOf } from '../../postgres/errors.js';
import { quoteIdentifier } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import type { Session } from '../../postgres/server.js';
import { stagedSchemaName } from '../../runs/names.js';
import type { RunningTables } from './running.js';
import { WHOLE_BACKUP } from './select.js';

interface Requirement {
  readonly type: string;
  readonly names: readonly string[];
  readonly args: readonly string[];
  readonly identity: string;
}

const SHOWN = 8;

/**
 * Finds what the tables in the scratch database depend on outside their own schema, and checks that the live database has it.
 *
 * @returns the dependencies, e.g. `type public.mood`
 * @throws E_BLOCKED with what the live database lacks
 */
export async function checkRequirements({ deps, journal, prepared }: RunningTables): Promise<string[]> {
  const { stagedAs, name } = prepared.plan.database;
  const server = deps.server!;
  const staged = stagedSchemaName(journal.record.run_id);
  const opening = server.session({ database: stagedAs, purpose: 'restore.tables' });
  const requirements = await inSession(opening, (session) => readRequirements(session, staged));
  const live = server.session({ database: name, purpose: 'restore.tables' });
  const missing = await inSession(live, (session) => findMissing(session, requirements));
  const textOf = ({ type, identity }: Requirement): string => `${type} ${identity}`;
  if (missing.length === 0) return requirements.map(textOf);
  throw new PotctlError('E_BLOCKED', 'the live database lacks objects that the tables depend on', {
    why: missing.slice(0, SHOWN).map(textOf).join('; '),
    fix: [advice`Create them first, or restore the whole backup into a new database: ${WHOLE_BACKUP}.`],
  });
}

async function readRequirements(session: Session, staged: string): Promise<Requirement[]> {
  return session.query<Requirement>(
    `with inside as (
       select 'pg_class'::regclass::oid as classid, oid as objid from pg_class where relnamespace = $1::regnamespace
       union all select 'pg_type'::regclass, oid from pg_type where typnamespace = $1::regnamespace
       union all select 'pg_constraint'::regclass, oid from pg_constraint where connamespace = $1::regnamespace
       union all select 'pg_namespace'::regclass, $1::regnamespace::oid
       union all select 'pg_attrdef'::regclass, d.oid from pg_attrdef d join pg_class c on c.oid = d.adrelid
                  where c.relnamespace = $1::regnamespace)
     select distinct a.type, a.object_names as names, a.object_args as args, i.identity
       from pg_depend d
       join inside s on s.classid = d.classid and s.objid = d.objid
      cross join lateral pg_identify_object_as_address(d.refclassid, d.refobjid, 0) a
      cross join lateral pg_identify_object(d.refclassid, d.refobjid, 0) i
      where not exists (select from inside r where r.classid = d.refclassid and r.objid = d.refobjid)
        and i.schema is distinct from 'pg_catalog'
      order by 1, 4`,
    [quoteIdentifier(staged)],
  );
}

async function findMissing(session: Session, requirements: readonly Requirement[]): Promise<Requirement[]> {
  const missing: Requirement[] = [];
  for (const requirement of requirements) {
    const { type, names, args } = requirement;
    try {
      await session.query('select from pg_get_object_address($1, $2::text[], $3::text[])', [type, names, args]);
    } catch (error) {
      if (sqlstateOf(error) === undefined) throw error;
      missing.push(requirement);
    }
  }
  return missing;
}
