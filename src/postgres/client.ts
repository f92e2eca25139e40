import type { Client, ClientConfig } from 'pg';
import type { ConnectionSettings } from '../config/libpq/settings.js';
import { PotctlError } from '../kernel/errors.js';
import { mayTryOtherTls, sqlstateOf, toDatabaseError } from './errors.js';
import type { Login } from './login.js';
import { type TlsAttempt, tlsAttempts } from './tls.js';

/** A connection of the driver, logged in, without session state. */
export interface Connected {
  readonly client: Client;
  /** The cancel key of the server, or of a pooler in front of it. */
  readonly processId: number;
  readonly secretKey: number;
  /** Ends the socket at once; whatever runs rejects. */
  destroy(): void;
}

export interface ConnectRequest {
  readonly settings: ConnectionSettings;
  readonly login: Login;
  readonly database: string;
  readonly purpose: string;
  /** HOME for libpq's certificate files. */
  readonly home: string | undefined;
  /** Aborts the attempt. */
  readonly signal: AbortSignal | undefined;
}

/** Fields of the driver that its types do not declare. */
interface ClientInside {
  readonly processID: number | null;
  readonly secretKey: number | null;
  readonly connection: { readonly stream: { destroy(): void } };
  readonly connectionParameters: Record<string, unknown>;
}

const TEXT_IN_DRIVER = new Set([1082, 1083, 1114, 1184, 1186, 1266, 1115, 1182, 1183, 1185, 1187, 1270, 600, 718]);

/**
 * Connects as libpq would: TLS according to sslmode, the password only when the server asks. Ignores the PG* variables of this process.
 *
 * @throws E_DB_UNREACHABLE, E_DB_DENIED, E_DB_TLS, E_DATABASE_NOT_FOUND; the signal's reason if aborted
 */
export async function connectClient(request: ConnectRequest): Promise<Connected> {
  const attempts = await tlsAttempts(request.settings, request.home);
  const failures: unknown[] = [];
  for (const tls of attempts) {
    try {
      return await connectToName(request, tls);
    } catch (error) {
      request.signal?.throwIfAborted();
      failures.push(error);
      if (!mayTryOtherTls(error)) break;
    }
  }
  throw toConnectError(failures, request);
}

/** If the server rejects the login both with and without TLS, the cause is not TLS. */
function toConnectError(failures: readonly unknown[], request: ConnectRequest): PotctlError {
  const { settings, database } = request;
  const target = targetName(settings, database);
  const errors = failures.map((failure) =>
    toDatabaseError(failure, { target, connecting: true, passwordNotes: settings.passwordNotes ?? [] }),
  );
  const last = errors.at(-1)!;
  if (errors.length < 2 || !errors.some((error) => sqlstateOf(error) === '28000')) return last;
  return new PotctlError('E_DB_DENIED', `cannot log in to '${target}', neither with TLS nor without`, {
    why: errors.map((error) => error.message).join('; '),
    cause: last,
  });
}

/**
 * The server refuses a connection that waited while a swap gave the name to another database: only then 3D000 has a DETAIL. The next
 * connection meets the database that has the name now.
 */
async function connectToName(request: ConnectRequest, tls: TlsAttempt): Promise<Connected> {
  try {
    return await connectOnce(request, tls);
  } catch (error) {
    const { code, detail } = error as { readonly code?: unknown; readonly detail?: unknown };
    if (code !== '3D000' || detail === undefined) throw error;
    return connectOnce(request, tls);
  }
}

async function connectOnce(request: ConnectRequest, tls: TlsAttempt): Promise<Connected> {
  const { default: pg } = await import('pg');
  const client = new pg.Client(await configOf(request, tls));
  const inside = client as unknown as ClientInside;
  // The driver falls back to PGOPTIONS, PGREPLICATION and PGBINARY of this process: only our settings must count.
  Object.assign(inside.connectionParameters, { options: request.settings.options, replication: undefined });
  // A connection that is lost while idle must not end the process; the next statement reports it.
  client.on('error', () => {});
  const destroy = () => inside.connection.stream.destroy();
  request.signal?.addEventListener('abort', destroy, { once: true });
  try {
    await client.connect();
  } catch (error) {
    destroy();
    throw error;
  } finally {
    request.signal?.removeEventListener('abort', destroy);
  }
  return { client, processId: inside.processID ?? 0, secretKey: inside.secretKey ?? 0, destroy };
}

async function configOf(request: ConnectRequest, tls: TlsAttempt): Promise<ClientConfig> {
  const { settings, login, database, purpose } = request;
  const { default: pg } = await import('pg');
  return {
    host: settings.hostaddr ?? settings.host,
    port: settings.port,
    user: settings.user,
    database,
    ssl: tls,
    password: async () => (await login.password()).reveal(),
    application_name: `potctl:${purpose}`,
    connectionTimeoutMillis: settings.connectTimeoutS * 1_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    types: {
      // Text preserves what a Date loses: microseconds, infinity, years BC. int8 and numeric are text already.
      getTypeParser: ((oid: number, format: 'text') =>
        TEXT_IN_DRIVER.has(oid) ? (text: string) => text : pg.types.getTypeParser(oid, format)) as never,
    },
  };
}

/** `user@host:port/database`, for messages. */
export function targetName(settings: ConnectionSettings, database = settings.database): string {
  return `${settings.user}@${settings.host || settings.hostaddr}:${settings.port}/${database}`;
}
