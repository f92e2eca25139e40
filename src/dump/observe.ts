import type { Clock } from '../kernel/clock.js';
import { PotctlError } from '../kernel/errors.js';
import { type Advice, advice, potctl } from '../kernel/next.js';
import { readClockOffset } from '../postgres/clock-offset.js';
import { sqlstateOf } from '../postgres/errors.js';
import { findFragileFunctions, fragileText } from '../postgres/fragile-functions.js';
import type { Server, Session } from '../postgres/server.js';
import { readTables, refuseUnreadable } from './tables.js';

/** What must be known about a database before it is dumped. */
export interface ObservedDatabase {
  readonly name: string;
  /** null if the role may not read it. */
  readonly systemIdentifier: string | null;
  readonly bytes: number;
  /** How far this machine's clock is ahead of the server's; null if unknown. */
  readonly clockOffMs: number | null;
  /** Problems that a restore may run into, with their fixes. */
  readonly warnings: readonly Advice[];
}

/**
 * Connects once and reads the identity of the server and the name and size of the database. Refuses early what the dump would fail on
 * later, perhaps after hours of reading files.
 *
 * @param expected the system identifier in the profile's `expect`, null for none
 * @throws E_WRONG_TARGET if another server answers; E_TOOL_MISSING, E_TOOL_OLD; E_DB_DENIED naming what cannot be read; E_DB_*
 */
export async function observeDatabase(
  server: Server,
  expected: string | null,
  clock: Clock,
): Promise<ObservedDatabase> {
  const session = await server.session({ purpose: 'backup.observe' });
  try {
    const tools = Promise.all((['pg_dump', 'pg_dumpall', 'pg_restore'] as const).map((tool) => server.tool(tool)));
    // Awaited below; meanwhile the server is queried.
    tools.catch(() => {});
    const [row] = await session.query<{ name: string; bytes: string; readable: boolean }>(
      `select current_database() as name, pg_database_size(current_database())::text as bytes,
              has_function_privilege('pg_control_system()', 'execute') as readable`,
    );
    const systemIdentifier = row?.readable ? await readSystemIdentifier(session.query) : null;
    refuseOtherServer(systemIdentifier, expected);
    const offset = await readClockOffset(session, clock);
    const tables = await readTables(session);
    await tools;
    refuseUnreadable(tables);
    return {
      ...{ name: row!.name, systemIdentifier, bytes: Number(row!.bytes) },
      ...{ clockOffMs: offset?.offMs ?? null, warnings: await readWarnings(session) },
    };
  } finally {
    await session.close();
  }
}

const SHOWN_FUNCTIONS = 5;

/** Reads hints about the database. A failure here must not prevent a backup. */
async function readWarnings(session: Session): Promise<Advice[]> {
  const found = await findFragileFunctions(session).catch((error: unknown) => {
    if (sqlstateOf(error) === undefined) throw error;
    return [];
  });
  const shown = found.slice(0, SHOWN_FUNCTIONS).map((one) => `${fragileText(one)}: ${one.fix}`);
  return found.length > SHOWN_FUNCTIONS
    ? [...shown, advice`and ${found.length - SHOWN_FUNCTIONS} more: ${potctl('doctor')}`]
    : shown;
}

type Query = <Row extends object>(sql: string) => Promise<Row[]>;

async function readSystemIdentifier(query: Query): Promise<string | null> {
  const [row] = await query<{ id: string }>('select system_identifier::text as id from pg_control_system()');
  return row?.id ?? null;
}

function refuseOtherServer(actual: string | null, expected: string | null): void {
  if (expected === null || expected === actual) return;
  throw new PotctlError('E_WRONG_TARGET', 'this is not the server that the profile expects', {
    why: { expected, answered: actual ?? 'not readable by this role' },
  });
}
