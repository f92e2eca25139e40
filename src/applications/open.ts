import { quoteIdentifier } from '../postgres/identifiers.js';
import type { Server, Session } from '../postgres/server.js';
import type { Application, ApplicationName } from './application.js';
import { detectApplication } from './detect.js';

/** The database of an application, ready for its adapter. */
export interface ApplicationDatabase {
  readonly application: Application;
  readonly schema: string;
  /** May this role read secrets and codes? */
  readonly readsSecrets: boolean;
  /** Names resolve to the application's tables; a row that a policy hides is an error, not a short answer. */
  session(purpose: string): Promise<Session>;
}

/**
 * Connects, recognises the application and what the role may see of it.
 *
 * @throws E_APPLICATION, E_DB_*
 */
export async function openApplication(
  server: Server,
  wanted: 'auto' | ApplicationName,
  purpose: string,
): Promise<ApplicationDatabase> {
  const first = await server.session({ purpose });
  const { application, schema } = await detectApplication(first, wanted);
  const prepare = async (session: Session): Promise<Session> => {
    await session.query(`set search_path = ${quoteIdentifier(schema)}, pg_temp; set row_security = off`);
    return session;
  };
  await prepare(first);
  const readsSecrets = await mayReadSecrets(first, application);
  let unused: Session | null = first;
  return {
    application,
    schema,
    readsSecrets,
    async session(next) {
      const ready = unused ?? (await prepare(await server.session({ purpose: next })));
      unused = null;
      return ready;
    },
  };
}

async function mayReadSecrets(session: Session, { tables }: Application): Promise<boolean> {
  const hidden = tables.flatMap(({ name, hidden: columns = [] }) => columns.map((column) => [name, column] as const));
  const [row] = await session.query<{ may: boolean }>(
    `select bool_and(has_column_privilege(quote_ident(t), c, 'select')) as may from unnest($1::text[], $2::text[]) as x (t, c)`,
    [hidden.map(([table]) => table), hidden.map(([, column]) => column)],
  );
  return row!.may;
}
