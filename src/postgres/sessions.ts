import type { ConnectionSettings } from '../config/libpq/settings.js';
import { PotctlError } from '../kernel/errors.js';
import { type Connected, connectClient, targetName } from './client.js';
import { toDatabaseError } from './errors.js';
import { quoteLiteral } from './identifiers.js';
import { type Idle, type IdleConnection, keepIdleConnection } from './idle-connection.js';
import type { Login } from './login.js';
import { namedAlike } from './named-alike.js';
import { refuseTransactionPooler } from './pooler.js';
import type { OpenOptions, Session, SessionOptions } from './server.js';
import { type OwnedSession, toAbortError, wrapSession } from './session.js';

/** All sessions of one server. */
export interface Sessions {
  open(request: SessionOptions): Promise<Session>;
  openMaintenance(purpose: string): Promise<Session>;
  /** server_version_num */
  serverVersion(): Promise<number>;
  closeAll(): Promise<void>;
}

const STATEMENT_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 10_000;
/** The search_path of every session, whatever role, database or PGOPTIONS set. If pg_temp were not named, it would come first. */
const SEARCH_PATH = 'pg_catalog, pg_temp';

/** Opens sessions, closes them together, and refuses a transaction pooler before the first session changes anything. */
export function openSessions(settings: ConnectionSettings, login: Login, options: OpenOptions): Sessions {
  const { signal } = options;
  const known = { poolerCheck: undefined, versionNum: undefined };
  const opened: Opened = { settings, login, options, all: new Set(), idle: keepIdleConnection(), ...known };
  signal.addEventListener('abort', () => {
    for (const session of opened.all) session.abort(signal.reason);
  });
  const closeAll = async () => {
    await Promise.all([...opened.all].map((session) => session.close()));
    opened.idle.close();
  };
  return sessionsOf(opened, (request) => openOne(opened, request), closeAll);
}

interface Request extends SessionOptions {
  /** The session is about the server as a whole: it may reuse the connection of an earlier session, and leave it for the next one. */
  readonly shared?: boolean;
}

interface Opened {
  readonly settings: ConnectionSettings;
  readonly login: Login;
  readonly options: OpenOptions;
  readonly all: Set<OwnedSession>;
  readonly idle: IdleConnection;
  poolerCheck: Promise<void> | undefined;
  /** Of the server, known after the first connection. */
  versionNum: number | undefined;
}

/** When the signal aborts, a connection attempt in progress is abandoned; sessions opened later are for cleanup and work normally. */
async function openOne(opened: Opened, request: Request): Promise<Session> {
  const { settings, options } = opened;
  const database = request.database ?? settings.database;
  const signal = options.signal.aborted ? undefined : options.signal;
  let connected: Connected | undefined;
  const giveUp = () => connected?.destroy();
  signal?.addEventListener('abort', giveUp);
  try {
    const idle = request.shared ? await opened.idle.take() : undefined;
    connected = idle?.connected ?? (await connect(opened, database, request.purpose));
    const ready = idle ?? (await meet(opened, connected, database, request.purpose));
    const session = await start(opened, ready, { ...request, database });
    if (signal?.aborted) session.abort(signal.reason);
    return session;
  } catch (error) {
    connected?.destroy();
    if (signal?.aborted) throw toAbortError(signal.reason);
    throw toDatabaseError(error, { target: targetName(settings, database), connecting: true });
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

function connect({ settings, login, options }: Opened, database: string, purpose: string): Promise<Connected> {
  const signal = options.signal.aborted ? undefined : options.signal;
  return connectClient({ settings, login, database, purpose, home: options.environment['HOME'], signal });
}

/** Purposes that handle a database's bytes unchanged and show them to nobody. */
const MOVES_DATA = /^(backup|restore)/;

async function meet(opened: Opened, connected: Connected, database: string, purpose: string): Promise<Idle> {
  const { settings } = opened;
  const { pid, versionNum, roleSearchPath, encoding } = await firstFacts(connected);
  opened.versionNum = versionNum;
  if (pid !== connected.processId) {
    const probe = { settings, connect: () => connect(opened, database, 'probe') };
    opened.poolerCheck ??= refuseTransactionPooler(connected, probe);
    await opened.poolerCheck;
  }
  // Such a database may contain arbitrary bytes, also in names; the server would refuse to convert them to UTF-8. Invalid UTF-8 arrives as U+FFFD.
  if (encoding === 'SQL_ASCII' && MOVES_DATA.test(purpose))
    await connected.client.query(`set client_encoding = 'SQL_ASCII'`);
  return { connected, pid, versionNum, roleSearchPath };
}

async function start(
  { settings, options, all, idle }: Opened,
  ready: Idle,
  request: Request & { readonly database: string },
): Promise<OwnedSession> {
  const { connected, pid, versionNum, roleSearchPath } = ready;
  await connected.client.query(setUp(request, versionNum));
  const session = wrapSession(connected, {
    ...{ settings, pid, versionNum, roleSearchPath },
    target: targetName(settings, request.database),
    onDebug: options.onDebug,
    onClose: (closed) => all.delete(closed),
    ...(request.shared ? { park: () => idle.park(ready) } : {}),
  });
  all.add(session);
  return session;
}

function sessionsOf(
  opened: Opened,
  openOne: (request: Request) => Promise<Session>,
  closeAll: () => Promise<unknown>,
): Sessions {
  const openMaintenance = async (purpose: string): Promise<Session> => {
    return openOne({ purpose, database: 'postgres', shared: true }).catch((error: unknown) => {
      if (!isAboutTheDatabase(error)) throw error;
      return openOne({ purpose, database: 'template1' });
    });
  };
  return {
    openMaintenance,
    open: async (request) => {
      try {
        return await openOne(request);
      } catch (error) {
        throw await namedAlike(error, request.database ?? opened.settings.database, openMaintenance);
      }
    },
    async serverVersion() {
      if (opened.versionNum !== undefined) return opened.versionNum;
      const session = await openOne({ purpose: 'version' }).catch((error: unknown) => {
        if (!isAboutTheDatabase(error)) throw error;
        return openMaintenance('version');
      });
      await session.close();
      return session.versionNum;
    },
    closeAll: async () => void (await closeAll()),
  };
}

/** Runs under the search_path of the role: every operator, type and function must be qualified. */
async function firstFacts({ client }: Connected): Promise<Omit<Idle, 'connected'> & { encoding: string }> {
  const { rows } = await client.query<{ pid: number; version: string; path: string[]; encoding: string }>(
    `select pg_catalog.pg_backend_pid() as pid, pg_catalog.current_setting('server_version_num') as version,
            pg_catalog.array_to_json(pg_catalog.current_schemas(false)) as path,
            pg_catalog.current_setting('server_encoding') as encoding`,
  );
  const { pid, version, path, encoding } = rows[0]!;
  return { pid, versionNum: Number(version), roleSearchPath: path, encoding };
}

/** Session state; sent only once the backend is known to be ours, because a pooler would pass it on to other clients. */
function setUp(request: SessionOptions, versionNum: number): string {
  return [
    // Otherwise, anyone who may create objects in a schema on the path could replace the server's functions.
    `set search_path = ${SEARCH_PATH}`,
    // A reused connection still has the name of its first use.
    `set application_name = ${quoteLiteral(`potctl:${request.purpose}`)}`,
    `set timezone = 'UTC'`,
    `set datestyle = 'ISO, YMD'`,
    'set standard_conforming_strings = on',
    `set statement_timeout = ${request.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS}`,
    `set lock_timeout = ${LOCK_TIMEOUT_MS}`,
    // A restore replaces objects even if role or database default to read-only transactions; a role with the right to do so may say so.
    request.purpose.startsWith('restore.')
      ? 'set default_transaction_read_only = off'
      : 'reset default_transaction_read_only',
    // A session may be idle for hours while pg_restore works.
    ...(versionNum >= 140_000 ? ['set idle_session_timeout = 0'] : []),
  ].join('; ');
}

/** The database is missing, or closed to this role (`datallowconn`, CONNECT, pg_hba.conf): another one may work. */
function isAboutTheDatabase(error: unknown): boolean {
  if (!(error instanceof PotctlError) || typeof error.why !== 'object') return false;
  return ['3D000', '42501', '28000', '55000'].includes(String(error.why['sqlstate']));
}
