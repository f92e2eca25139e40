import { PotctlError } from '../kernel/errors.js';
import { potctl } from '../kernel/next.js';
import { sqlstateOf } from '../postgres/errors.js';
import type { Session } from '../postgres/server.js';
import { isWrite, writeQuietly } from './quiet-write.js';

/** A session within a transaction. */
export interface Transaction extends Session {
  /**
   * Stores values in `pg_temp.potctl_private`, where the adapters read them. They are sent by COPY, so that no statement or parameter, and
   * therefore no server log, contains them.
   */
  conceal(values: readonly string[]): Promise<void>;
}

/** Short timeouts, since somebody is on the phone; and the isolation level that sees concurrent attempts, whatever the role's default. */
const LIMITS = `set transaction isolation level read committed; set local lock_timeout = '3s'; set local statement_timeout = '10s';
  set local idle_in_transaction_session_timeout = '15s'; set local log_parameter_max_length_on_error = 0`;

/** Only a superuser can set this; {@link writeQuietly} covers the rest, for every role. */
const QUIET_LOG = `set local log_parameter_max_length = 0; set local log_error_verbosity = 'terse'`;

/**
 * Runs `work` in one transaction and commits; if it throws, everything is rolled back. It must not prompt.
 *
 * @throws what `work` throws; E_DB_* with `changed: unknown` if the connection broke during COMMIT
 */
export async function inTransaction<T>(
  session: Session,
  runId: string,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  await session.query('begin');
  await session.query(LIMITS);
  const [role] = await session.query<{ super: string }>(`select current_setting('is_superuser') as super`);
  if (role!.super === 'on') await session.query(QUIET_LOG);
  const transaction: Transaction = {
    ...session,
    conceal: (values) => conceal(session, values),
    query: <Row extends object>(sql: string, values: readonly unknown[] = []) =>
      (isWrite(sql) ? writeQuietly<Row>(session, sql, values) : session.query<Row>(sql, values)).catch(ruleInstead),
  };
  const result = await work(transaction).catch(async (error) => {
    await session.query('rollback').catch(() => {});
    throw error;
  });
  await session.query('commit').catch((error: unknown) => {
    throw error instanceof PotctlError && error.code === 'E_DB_UNREACHABLE' ? uncertain(error, runId) : error;
  });
  return result;
}

/** A rewrite rule does not support `returning`. */
function ruleInstead(error: unknown): never {
  if (sqlstateOf(error) !== '0A000' || !(error instanceof PotctlError)) throw error;
  throw new PotctlError('E_NOT_KEPT', 'a rewrite rule in the database prevents the change', {
    ...(error.why !== undefined && { why: error.why }),
    cause: error,
  });
}

async function conceal(session: Session, values: readonly string[]): Promise<void> {
  await session.query(
    `create temporary table if not exists potctl_private (n integer primary key, value text not null) on commit drop;
     truncate pg_temp.potctl_private`,
  );
  const lines = values.map((value, n) => `${n}\t${escaped(value)}\n`);
  await session.copyIn('copy pg_temp.potctl_private (n, value) from stdin', lines.join(''));
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
const escaped = (value: string): string => value.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character]!);

function uncertain(error: PotctlError, runId: string): PotctlError {
  return error.with({
    changed: 'unknown',
    changedDetail: 'the connection broke during COMMIT; the journal shows whether it was committed',
    fix: [potctl('history', '--run-id', runId)],
  });
}
