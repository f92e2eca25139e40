import { psqlLine } from '../../postgres/psql-line.js';
import type { Server, Session } from '../../postgres/server.js';

/** Statements for one database. */
export interface Step {
  readonly database: string;
  readonly statements: readonly string[];
}

/** The shell command with which a superuser of this server runs statements, one database after another; skips empty steps. */
export async function superuserLine(server: Server, session: Session, steps: readonly Step[]): Promise<string> {
  const [row] = await session.query<{ name: string }>(
    'select rolname::text as name from pg_catalog.pg_roles where rolsuper and rolcanlogin order by oid limit 1',
  );
  const user = row?.name ?? 'postgres';
  return steps
    .filter(({ statements }) => statements.length > 0)
    .map(({ database, statements }) => psqlLine(server.settings, { database, user }, statements))
    .join(' && ');
}
