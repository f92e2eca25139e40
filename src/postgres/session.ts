import type { QueryResult } from 'pg';
import { PotctlError } from '../errors.js';
import { requestCancel } from './cancel.js';
import type { Connected } from './client.js';
import { toDatabaseError } from './errors.js';
import type { Session } from './server.js';
import type { ConnectionSettings } from './settings.js';

/** A session that its server can end. */
export interface OwnedSession extends Session {
  /** Cancels what runs; from now on every statement of this session rejects with `reason`. */
  abort(reason: unknown): void;
}

export interface SessionContext {
  readonly settings: ConnectionSettings;
  /** `user@host:port/database` */
  readonly target: string;
  readonly versionNum: number;
  /** The backend's pid, as it says itself. */
  readonly pid: number;
  readonly onDebug: ((statement: string) => void) | undefined;
  readonly onClose: (session: OwnedSession) => void;
}

/** A cancelled statement that does not answer (the network is gone) loses its connection after this time. */
const CANCEL_GRACE_MS = 3_000;

/** Wraps a connection: statements one after the other, errors for the operator, cancelling. */
export function wrapSession(connected: Connected, context: SessionContext): OwnedSession {
  const { client, processId, secretKey, destroy } = connected;
  let running = 0;
  const refusals: unknown[] = [];
  let closing: Promise<void> | undefined;

  const interrupt = () => {
    if (running === 0) return;
    void requestCancel(context.settings, processId, secretKey);
    setTimeout(() => running > 0 && destroy(), CANCEL_GRACE_MS).unref();
  };
  const end = async () => {
    interrupt();
    const ended = client.end().catch(() => {});
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, CANCEL_GRACE_MS).unref())]);
    destroy();
    context.onClose(session);
  };
  const session: OwnedSession = {
    pid: context.pid,
    versionNum: context.versionNum,
    async query<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]> {
      if (refusals.length > 0) throw toAbortError(refusals[0]);
      if (closing) throw new PotctlError('E_DB_UNREACHABLE', `the session on '${context.target}' is closed`);
      context.onDebug?.(sql);
      running += 1;
      try {
        return lastRows<Row>(await client.query(toQuery(sql, values)));
      } catch (error) {
        if (refusals.length > 0) throw toAbortError(refusals[0]);
        throw toDatabaseError(error, { target: context.target, connecting: false });
      } finally {
        running -= 1;
      }
    },
    close() {
      closing ??= end();
      return closing;
    },
    abort(reason) {
      refusals.push(reason);
      interrupt();
    },
  };
  return session;
}

/** The error of whoever aborted when it is for the operator, else that it was interrupted. */
export function toAbortError(reason: unknown): PotctlError {
  if (reason instanceof PotctlError) return reason;
  return new PotctlError('E_INTERRUPTED', 'interrupted', { cause: reason });
}

/** With values, even none, one statement only: the extended protocol refuses several. */
function toQuery(sql: string, values: readonly unknown[] | undefined) {
  return values === undefined ? { text: sql } : { text: sql, values: [...values], queryMode: 'extended' };
}

/** Several statements at once give several results; the last one counts. */
function lastRows<Row extends object>(result: QueryResult | QueryResult[]): Row[] {
  const last = Array.isArray(result) ? result.at(-1) : result;
  return (last?.rows ?? []) as Row[];
}
