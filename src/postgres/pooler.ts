import type { ConnectionSettings } from '../config/libpq/settings.js';
import { PotctlError } from '../kernel/errors.js';
import type { Connected } from './client.js';
import { targetName } from './client.js';

/** If the pooler has no free server connection for the probe, it makes the probe wait: then nothing is proved. */
const PROBE_MS = 5_000;

interface PoolerProbe {
  readonly settings: ConnectionSettings;
  /** Logs in once more. */
  connect(): Promise<Connected>;
}

/**
 * Refuses a transaction pooler. Called if the pid from the login (BackendKeyData) differs from the backend's own: then there is a pooler,
 * because poolers hand out their own cancel keys. Sends nothing that outlives a transaction, because it would reach other clients.
 *
 * In session mode, our backend stays ours, and potctl works. In transaction mode, it is free between our statements; a second client that
 * opens a transaction takes it, or, if the pool rotates its idle backends, our next statement runs elsewhere. With one and then two others
 * in a transaction, one of the two must happen, whatever the number of idle backends.
 *
 * @throws E_DB_POOLER also if the probe cannot be made: "could not check" is never "ok"
 */
export async function refuseTransactionPooler(first: Connected, probe: PoolerProbe): Promise<void> {
  const others: Connected[] = [];
  const proof = keepsItsBackend(first, probe, others);
  const endOthers = () => {
    for (const other of others.splice(0)) other.destroy();
  };
  // Includes a connection that the pooler grants after we have stopped waiting.
  proof.then(endOthers, endOthers);
  try {
    if (await withinTime(proof)) return;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw pooler(probe.settings, `cannot verify that a connection keeps its backend: ${reason}`, error);
  } finally {
    endOthers();
  }
  throw pooler(probe.settings, 'two statements of one connection ran in different backends');
}

async function keepsItsBackend(first: Connected, probe: PoolerProbe, others: Connected[]): Promise<boolean> {
  const ours = await backendOf(first);
  for (let count = 0; count < 2; count += 1) {
    const other = await probe.connect();
    others.push(other);
    await other.client.query('begin read only');
    if ((await backendOf(other)) === ours || (await backendOf(first)) !== ours) return false;
  }
  return true;
}

async function backendOf({ client }: Connected): Promise<string> {
  // The session uses the role's search_path: every function must be qualified, and no operator or type used.
  const { rows } = await client.query<{ pid: number; started: string }>(
    'select pg_catalog.pg_backend_pid() as pid, pg_catalog.pg_postmaster_start_time() as started',
  );
  return `${rows[0]!.pid} ${rows[0]!.started}`;
}

async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the pooler had no free connection for the check')), PROBE_MS);
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function pooler(settings: ConnectionSettings, why: string, cause?: unknown): PotctlError {
  return new PotctlError('E_DB_POOLER', `'${targetName(settings)}' is a transaction pooler, not the server itself`, {
    why,
    cause,
    fix: [
      'Use host and port of the PostgreSQL server itself (often port 5432 on the host that the pooler connects to).',
      'Or add a database in session mode to the pooler: in PgBouncer, `pool_mode=session` on its line in `[databases]`.',
    ],
  });
}
