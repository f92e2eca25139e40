import type { Settings } from '../config/settings.js';
import type { Check } from '../kernel/check.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import { sqlstateOf } from '../postgres/errors.js';
import { type Connected, fail, failed, ok, unknown, warn } from './check.js';

/** Returns why there is no connection, and what to check first. */
export function unreachable(error: unknown, { connection }: Settings): Check {
  const { host, port, user, passwordSource } = connection;
  const result = failed('connection', error);
  const code = error instanceof PotctlError ? error.code : null;
  // Too many connections: the server did answer.
  if (sqlstateOf(error) === '53300') return result;
  if (code === 'E_DB_UNREACHABLE')
    return {
      ...result,
      next: advice`pg_isready -h ${host} -p ${port} (check the address: ${potctl('config', 'show', '--origin')})`,
    };
  if (code === 'E_DB_DENIED' && passwordSource !== null)
    return { ...result, next: `check the password of ${user} in ${passwordSource}` };
  if (code === 'E_DATABASE_NOT_FOUND') return { ...result, next: `psql -h ${host} -p ${port} -U ${user} -l` };
  return result;
}

/** Reports role, host, version, and whether the connection is encrypted. */
export async function connectionChecks({ session, settings }: Connected): Promise<Check> {
  const { host, port, user, database, sslmode } = settings.connection;
  const [row] = await session.query<{ version: string; tls: string | null; address: string | null }>(
    `select current_setting('server_version') as version, s.version || ' ' || s.cipher as tls,
            host(pg_catalog.inet_server_addr()) as address
       from (select pg_catalog.pg_backend_pid() as pid) as own
       left join pg_catalog.pg_stat_ssl as s on s.pid = own.pid and s.ssl`,
  );
  const target = `${user}@${host}:${port}/${database}, PostgreSQL ${row?.version}`;
  if (row?.tls) return ok('connection', `${target}, ${row.tls} (sslmode ${sslmode})`);
  if (host.startsWith('/')) return ok('connection', `${target}, Unix socket`);
  const local = row?.address === '127.0.0.1' || row?.address === '::1';
  if (local) return ok('connection', `${target}, local connection without TLS`);
  return warn(
    'connection',
    `${target}, without TLS: password and data are sent unencrypted`,
    'set sslmode to require or verify-full (PGSSLMODE, or `sslmode` in the profile)',
  );
}

/** Checks that this is the server that the profile expects. */
export async function expectedServer({ session, settings }: Connected): Promise<Check> {
  const [row] = await session.query<{ id: string }>(
    'select system_identifier::text as id from pg_catalog.pg_control_system()',
  );
  const wanted = settings.expect.systemIdentifier;
  if (row === undefined) return unknown('expected server', 'the server did not return its system identifier');
  if (wanted === row.id) return ok('expected server', `system identifier ${row.id}`);
  if (wanted !== null)
    return fail(
      'expected server',
      `the profile expects system identifier ${wanted}, this server has ${row.id}`,
      advice`check host and port: ${potctl('config', 'show', '--origin')}`,
    );
  const addition = `add to the profile's database: expect: { system_identifier: "${row.id}" }`;
  if (settings.profile.environment === 'production')
    return warn('expected server', 'the profile accepts any server as production', addition);
  return ok('expected server', `system identifier ${row.id}; the profile does not require it`);
}

/** Checks that pg_dump and the other PostgreSQL tools are installed and new enough for this server. */
export async function toolsCheck({ server, session }: Connected): Promise<Check> {
  const major = Math.floor(session.versionNum / 10_000);
  const found: string[] = [];
  for (const name of ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql'] as const) {
    try {
      const { version, path } = await server.tool(name);
      found.push(name === 'pg_dump' ? `${path} ${version}` : name);
    } catch (error) {
      const result = failed('tools', error);
      const missing = error instanceof PotctlError && error.code.startsWith('E_TOOL_');
      return missing ? { ...result, next: `apt install postgresql-client-${major}` } : result;
    }
  }
  return ok('tools', `${found.join(', ')}; server ${major}`);
}
