import { quoteQualified } from '../postgres/identifiers.js';
import type { Server, Session } from '../postgres/server.js';
import type { Adapter, Application } from './application.js';
import { detectApplication, type WantedApplication } from './detect.js';
import { APPLICATIONS } from './known.js';

/** An open database with its detected application. */
export interface ApplicationDatabase<A extends Application = Application> {
  readonly application: A;
  readonly schema: string;
  /** Whether this role can read secrets and codes. */
  readonly readsSecrets: boolean;
  /** Opens a session in which rows hidden by row security are an error, not silently left out. */
  session(purpose: string): Promise<Session>;
}

/**
 * Connects, and detects the application and what the role can read.
 *
 * @param known the applications to look for
 * @throws E_APPLICATION, E_DB_*
 */
export async function openApplication(
  server: Server,
  wanted: WantedApplication,
  purpose: string,
  known: readonly Adapter[] = APPLICATIONS,
): Promise<ApplicationDatabase> {
  const prepare = async (session: Session): Promise<Session> => {
    // JIT compilation of the list's statement takes longer than running it.
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
