import { inSession } from '../../postgres/in-session.js';
import type { Session } from '../../postgres/server.js';
import type { RestoreDeps } from '../deps.js';
import type { GraphEntry } from './graph.js';
import type { PlannedNeed } from './plan.js';

/** The state of the live database, as far as it matters for new tables. */
export interface ObservedLive {
  readonly schemaExists: boolean;
  /** Relations in the schema with the name of a chosen table. */
  readonly taken: readonly string[];
  readonly mayCreate: boolean;
  /** Publications that would send the new tables' rows to subscribers. */
  readonly publications: readonly string[];
  readonly needs: readonly PlannedNeed[];
}

/** Inspects the live database. Changes nothing. @throws E_DB_* */
export async function observeLive(
  { server }: Pick<RestoreDeps, 'server'>,
  database: string,
  wanted: { readonly schema: string; readonly names: readonly string[]; readonly needs: readonly GraphEntry[] },
): Promise<ObservedLive> {
  const { schema, names, needs } = wanted;
  return inSession(server!.session({ database, purpose: 'restore.plan' }), async (session) => {
    const [row] = await session.query<{ exists: boolean; create: boolean; owned: boolean }>(
      `select n.oid is not null as exists, has_database_privilege(current_database(), 'CREATE') as create,
              coalesce(has_schema_privilege(n.oid, 'CREATE'), true) as owned
         from (select) as one left join pg_namespace n on n.nspname = $1`,
      [schema],
    );
    return {
      schemaExists: row!.exists,
      taken: await readTaken(session, schema, names),
      mayCreate: row!.create && row!.owned,
      publications: await readPublications(session, schema),
      needs: await readNeeds(session, needs),
    };
  });
}

async function readTaken(session: Session, schema: string, names: readonly string[]): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select c.relname::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = any ($2::name[]) order by 1`,
    [schema, names],
  );
  return rows.map(({ name }) => name);
}

/** The staging schema is new, so only a publication of all tables can include it. */
async function readPublications(session: Session, schema: string): Promise<string[]> {
  const ofSchema =
    session.versionNum >= 150_000
      ? `union select p.pubname::text from pg_publication p join pg_publication_namespace x on x.pnpubid = p.oid
          join pg_namespace n on n.oid = x.pnnspid where n.nspname = any ($1::name[])`
      : 'union select pubname::text from pg_publication where false and $1::name[] is null';
  const rows = await session.query<{ name: string }>(
    `select pubname::text as name from pg_publication where puballtables ${ofSchema} order by 1`,
    [[schema]],
  );
  return rows.map(({ name }) => name);
}

const SIMPLE = /^[a-z_][a-z0-9_$]*$/;

/** Names in the table of contents are exact only if they need no quotes. */
async function readNeeds(session: Session, needs: readonly GraphEntry[]): Promise<PlannedNeed[]> {
  const found: PlannedNeed[] = [];
  for (const { desc, schema, name } of needs) {
    const kind = desc.toLowerCase();
    const text = schema === null ? name : `${schema}.${name}`;
    found.push({ kind, name: text, present: await isPresent(session, desc, schema, name) });
  }
  return found;
}

async function isPresent(session: Session, desc: string, schema: string | null, name: string): Promise<boolean | null> {
  if (desc === 'EXTENSION') {
    const rows = await session.query('select from pg_extension where extname = $1', [name]);
    return rows.length > 0;
  }
  if (schema === null || !SIMPLE.test(schema) || !SIMPLE.test(name)) return null;
  const lookUp = LOOK_UP[desc];
  if (lookUp === undefined) return null;
  const [row] = await session.query<{ found: boolean }>(`select ${lookUp}($1) is not null as found`, [
    `${schema}.${name}`,
  ]);
  return row!.found;
}

const LOOK_UP: Readonly<Record<string, string>> = {
  TYPE: 'to_regtype',
  DOMAIN: 'to_regtype',
  SEQUENCE: 'to_regclass',
};
