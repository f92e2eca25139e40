import { quoteQualified } from '../postgres/identifiers.js';
import type { Server, Session } from '../postgres/server.js';
import type { Adapter, Application } from './application.js';
import { detectApplication, type WantedApplication } from './detect.js';
import { APPLICATIONS } from './known.js';

/** The database of an application, ready for its adapter. */
export interface ApplicationDatabase<A extends Application = Application> {
  readonly application: A;
  readonly schema: string;
  /** May this role read secrets and codes? */
  readonly readsSecrets: boolean;
  /** A row that a policy hides is an error, not a short answer. */
  session(purpose: string): Promise<Session>;
}

/**
 * Connects, recognises the application and what the role may see of it.
 *
 * @param known the applications that are looked for
 * @throws E_APPLICATION, E_DB_*
 */
export async function openApplication(
  server: Server,
  wanted: WantedApplication,
  purpose: string,
  known: readonly Adapter[] = APPLICATIONS,
): Promise<ApplicationDatabase> {
  const prepare = async (session: Session): Promise<Session> => {
    // Compiling the statement of a list takes longer than running it.
    await session.query('set row_security = off; set jit = off');
    return session;
  };
  const first = await server.session({ purpose });
  const { application, schema, readsSecrets } = await look().catch(async (error: unknown) => {
    await first.close();
    throw error;
  });
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

  async function look() {
    const found = await detectApplication(first, wanted, known);
    await prepare(first);
    return { ...found, readsSecrets: await mayReadSecrets(first, found.application, found.schema) };
  }
}

async function mayReadSecrets(session: Session, { tables }: Application, schema: string): Promise<boolean> {
  const hidden = tables.flatMap(({ name, hidden: columns = [] }) => columns.map((column) => [name, column] as const));
  const [row] = await session.query<{ may: boolean }>(
    `select coalesce(pg_catalog.bool_and(pg_catalog.has_column_privilege(t, c, 'select')), true) as may from unnest($1::text[], $2::text[]) as x (t, c)`,
    [hidden.map(([table]) => quoteQualified(schema, table)), hidden.map(([, column]) => column)],
  );
  return row!.may;
}
