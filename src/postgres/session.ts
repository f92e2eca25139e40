import { pipeline } from 'node:stream/promises';
import type { QueryResult } from 'pg';
import type { ConnectionSettings } from '../config/libpq/settings.js';
import { PotctlError } from '../kernel/errors.js';
import { requestCancel } from './cancel.js';
import type { Connected } from './client.js';
import { copiedRows } from './copied-rows.js';
import { toDatabaseError } from './errors.js';
import type { Session } from './server.js';

/** A session that its server can close. */
export interface OwnedSession extends Session {
  /** Cancels the running statement; from now on every statement of this session rejects with `reason`. */
  abort(reason: unknown): void;
}

export interface SessionContext {
  readonly settings: ConnectionSettings;
  /** `user@host:port/database` */
  readonly target: string;
  readonly versionNum: number;
  /** The backend's own pid. */
  readonly pid: number;
  readonly roleSearchPath: readonly string[];
  readonly onDebug: ((statement: string) => void) | undefined;
  readonly onClose: (session: OwnedSession) => void;
  /** Takes over the connection of a session that ended cleanly; false: the caller must close it. */
  readonly park?: () => Promise<boolean>;
}

/** If a canceled statement does not return (the network is down), its connection is destroyed after this time. */
const CANCEL_GRACE_MS = 3_000;

/** Wraps a connection: runs statements one at a time, converts errors, and supports canceling. */
export function wrapSession(connected: Connected, context: SessionContext): OwnedSession {
  const state: State = { running: 0, refusals: [], closing: undefined };
  const session: OwnedSession = {
    pid: context.pid,
    versionNum: context.versionNum,
    roleSearchPath: context.roleSearchPath,
    query: (sql, values) => {
      const { client } = connected;
      return run(context, state, sql, async () => lastRows(await client.query(toQuery(sql, values))));
    },
    stream: (sql) => copyOut(connected, context, state, sql),
    copyIn: (sql, text) => run(context, state, sql, () => copyIn(connected, sql, text)),
    close() {
      state.closing ??= parkOrEnd(connected, context, state).then(() => context.onClose(session));
      return state.closing;
    },
    abort(reason) {
      state.refusals.push(reason);
      interrupt(connected, context, state);
    },
  };
  return session;
}

interface State {
  running: number;
  /** Why no statement is accepted any more; the first reason wins. */
  readonly refusals: unknown[];
  closing: Promise<void> | undefined;
}

async function run<T>(
  { target, onDebug }: SessionContext,
  state: State,
  sql: string,
  work: () => Promise<T>,
): Promise<T> {
  if (state.refusals.length > 0) throw toAbortError(state.refusals[0]);
  if (state.closing) throw new PotctlError('E_DB_UNREACHABLE', `the session on '${target}' is closed`);
  onDebug?.(sql);
  state.running += 1;
  try {
    return await work();
  } catch (error) {
    if (state.refusals.length > 0) throw toAbortError(state.refusals[0]);
    throw toDatabaseError(error, { target, connecting: false });
  } finally {
    state.running -= 1;
  }
}

async function copyIn({ client }: Connected, sql: string, text: string): Promise<void> {
  const { from } = (await import('pg-copy-streams')).default;
  await pipeline([text], client.query(from(sql)));
}

async function* copyOut(
  connected: Connected,
  context: SessionContext,
  state: State,
  sql: string,
): AsyncGenerator<(string | null)[][]> {
  const batches = copiedRows(connected, sql);
  for (let ended = false; !ended; ) {
    const next = await run(context, state, sql, () => batches.next());
    ended = next.done === true;
    if (!next.done) yield next.value;
  }
}

function interrupt({ processId, secretKey, destroy }: Connected, { settings }: SessionContext, state: State): void {
  if (state.running === 0) return;
  void requestCancel(settings, processId, secretKey);
  setTimeout(() => state.running > 0 && destroy(), CANCEL_GRACE_MS).unref();
}

async function parkOrEnd(connected: Connected, context: SessionContext, state: State): Promise<void> {
  const isFree = state.running === 0 && state.refusals.length === 0;
  if (isFree && context.park && (await context.park())) return;
  await end(connected, context, state);
}

async function end(connected: Connected, context: SessionContext, state: State): Promise<void> {
  interrupt(connected, context, state);
  const ended = connected.client.end().catch(() => {});
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, CANCEL_GRACE_MS).unref())]);
  connected.destroy();
}

/** Returns the reason of the abort if it is a PotctlError, otherwise E_INTERRUPTED. */
export function toAbortError(reason: unknown): PotctlError {
  if (reason instanceof PotctlError) return reason;
  return new PotctlError('E_INTERRUPTED', 'interrupted', { cause: reason });
}

/** With values, even an empty list, only a single statement: the extended protocol refuses several. */
function toQuery(sql: string, values: readonly unknown[] | undefined) {
  return values === undefined ? { text: sql } : { text: sql, values: [...values], queryMode: 'extended' };
}

/** Several statements return several results; the last one is used. */
function lastRows<Row extends object>(result: QueryResult | QueryResult[]): Row[] {
  const last = Array.isArray(result) ? result.at(-1) : result;
  return (last?.rows ?? []) as Row[];
}
