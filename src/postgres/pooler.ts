import type { ConnectionSettings } from '../config/libpq/settings.js';
import { PotctlError } from '../kernel/errors.js';
import type { Connected } from './client.js';
import { targetName } from './client.js';

/** A pooler that has no server connection left for the probe lets it wait: then nothing is proved. */
const PROBE_MS = 5_000;

interface PoolerProbe {
  readonly settings: ConnectionSettings;
  /** Logs in, one more time. */
  connect(): Promise<Connected>;
}

/**
 * Refuses a transaction pooler. Called when the pid that the login gave (BackendKeyData) is not the backend's own: then somebody stands
 * between, for a pooler hands out cancel keys of its own. Sends nothing that outlives a transaction, because that would reach other clients.
 *
 * In session mode our backend stays ours, and potctl works. In transaction mode it is free between our statements; a second client that
 * opens a transaction takes it, or, where the pool hands out its idle backends in turn, our next statement runs elsewhere. With one and
 * then two others in a transaction, one of both must happen, whatever the number of idle backends.
 *
 * @throws E_DB_POOLER also when the probe cannot be made: "could not check" is never "ok"
 */
export async function refuseTransactionPooler(first: Connected, probe: PoolerProbe): Promise<void> {
  const others: Connected[] = [];
  const proof = keepsItsBackend(first, probe, others);
  const endOthers = () => {
    for (const other of others.splice(0)) other.destroy();
  };
  // Also a connection that the pooler grants when nobody waits for it any more.
  proof.then(endOthers, endOthers);
  try {
    if (await withinTime(proof)) return;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw pooler(probe.settings, `it could not be proved that a connection keeps its backend: ${reason}`, error);
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
  // The search_path is not ours yet: no operator and no type may be left to be looked up.
  const { rows } = await client.query<{ pid: number; started: string }>(
    'select pg_catalog.pg_backend_pid() as pid, pg_catalog.pg_postmaster_start_time() as started',
  );
  return `${rows[0]!.pid} ${rows[0]!.started}`;
}

async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the pooler had no connection free for the check')), PROBE_MS);
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
      'Give host and port of the PostgreSQL server itself (often port 5432 on the host that the pooler is configured for).',
      'Or add a database in session mode to the pooler: PgBouncer `pool_mode=session` in its `[databases]` line.',
    ],
  });
}
