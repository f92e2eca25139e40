import type { Adapter } from '../applications/application.js';
import { detectApplication } from '../applications/detect.js';
import { guardSql } from '../applications/guard.js';
import { readAsset } from '../kernel/assets.js';
import type { Prepared } from '../kernel/prepared.js';
import type { Server, Session } from '../postgres/server.js';
import { appendEntry } from './entry.js';
import {
  NATIVE_VERSION,
  newer,
  readGuard,
  readNative,
  readSchemaVersion,
  readSetupProblem,
  SCHEMA_VERSION,
} from './installed.js';

/** What an installation will run. */
export interface SetupPlan {
  readonly database: string;
  readonly role: string;
  /** null = not installed. */
  readonly installed: number | null;
  readonly wanted: number;
  /** Why the installed version is insecure; null = it is not. */
  readonly critical: string | null;
  /** Run in this order, in one transaction; empty = nothing to do. */
  readonly scripts: readonly string[];
}

/** What else to install besides potctl's own schema. */
export interface SetupExtras {
  /** The tables of the reference application. */
  readonly application: 'native' | null;
  /** Install triggers on the tables of this application, or of the detected one; null = none. */
  readonly guardWrites: Parameters<typeof detectApplication>[1] | null;
  /** Applications to look for; absent = the built-in ones. */
  readonly known?: readonly Adapter[] | undefined;
}

/** Who installs it, and why. */
export interface SetupRequest {
  readonly operator: string;
  readonly reason: string | null;
  readonly ticket: string | null;
  readonly runId: string;
  readonly traceId: string;
}

export interface SetupResult {
  readonly state: 'done' | 'planned' | 'unchanged';
  readonly database: string;
  readonly installed: number | null;
  readonly version: number;
}

/**
 * Checks what is installed and plans what to run.
 *
 * `apply` installs or upgrades the schema `potctl` in one transaction and records it in the journal. Of two concurrent runs the second finds
 * nothing to do.
 *
 * @throws E_SETUP_NEWER, E_REFUSED, E_DB_DENIED (CREATE on the database is needed), E_DB_*: nothing is installed then
 */
export async function prepareSetup(
  server: Server,
  request: SetupRequest,
  extras: SetupExtras,
): Promise<Prepared<SetupPlan, SetupResult>> {
  const plan = await planSetup(server, extras);
  const { database, installed, wanted: version } = plan;
  return {
    plan,
    dryRun: async () => ({ state: 'planned', database, installed, version }),
    apply: () => runSetup(server, request, plan, extras),
  };
}

async function planSetup(server: Server, extras: SetupExtras): Promise<SetupPlan> {
  const session = await server.session({ purpose: 'setup.plan' });
  try {
    const installed = await readSchemaVersion(session);
    if (installed !== null && installed > SCHEMA_VERSION) throw newer(installed);
    const [row] = await session.query<{ role: string }>('select session_user::text as role');
    const critical = (await readSetupProblem(session))?.detail ?? null;
    const { database } = server.settings;
    return { ...(await planOf(session, installed, extras)), critical, database, role: row!.role };
  } finally {
    await session.close();
  }
}

async function planOf(
  session: Session,
  installed: number | null,
  extras: SetupExtras,
): Promise<Pick<SetupPlan, 'installed' | 'wanted' | 'scripts'>> {
  const own = scripts('potctl', installed ?? 0, SCHEMA_VERSION);
  const native = await readNative(session);
  // An installed application is upgraded without being asked for, if the role owns it: the older version is less secure.
  const isWanted = extras.application === 'native' || (native.version !== null && native.owned);
  const app = isWanted ? scripts('native', native.version ?? 0, NATIVE_VERSION) : [];
  const guards = extras.guardWrites === null ? [] : await guardsOf(session, extras.guardWrites, extras.known);
  return { installed, wanted: SCHEMA_VERSION, scripts: [...own, ...app, ...guards] };
}

/** @throws E_APPLICATION */
async function guardsOf(
  session: Session,
  wanted: NonNullable<SetupExtras['guardWrites']>,
  known: SetupExtras['known'],
): Promise<string[]> {
  const { application, schema } = await detectApplication(session, wanted, known);
  if ((await readGuard(session, schema)) !== null) return [];
  const sql = guardSql(application, schema);
  return sql === null ? [] : [sql];
}

const scripts = (name: string, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => readAsset('templates', `sql/${name}-${from + n + 1}.sql`));

async function runSetup(
  server: Server,
  request: SetupRequest,
  shown: SetupPlan,
  extras: SetupExtras,
): Promise<SetupResult> {
  const { database, wanted: version } = shown;
  const session = await server.session({ purpose: 'setup' });
  try {
    await session.query('begin');
    // A concurrent setup waits here and then sees what the first one committed.
    await session.query(`select pg_advisory_xact_lock(hashtextextended('potctl.setup', 0))`);
    const installed = await readSchemaVersion(session);
    const { scripts } = await planOf(session, installed, extras);
    for (const sql of scripts) await session.query(sql);
    if (scripts.length > 0) await note(session, request, installed, extras);
    await session.query('commit');
    return { state: scripts.length > 0 ? 'done' : 'unchanged', database, installed, version };
  } finally {
    await session.close();
  }
}

async function note(
  session: Session,
  request: SetupRequest,
  installed: number | null,
  extras: SetupExtras,
): Promise<void> {
  const { operator, reason, ticket, runId, traceId } = request;
  await appendEntry(session, {
    ...{ operator, ticket, runId, traceId },
    action: 'potctl.setup',
    target: 'schema potctl',
    reason: reason ?? 'installation of the journal',
    status: 'done',
    details: {
      ...{ from: installed, to: SCHEMA_VERSION },
      ...(extras.application !== null && { application: extras.application }),
      ...(extras.guardWrites !== null && { guard_writes: true }),
    },
  });
}
