import path from 'node:path';
import { threeDPot } from '../../src/applications/3dpot.js';
import { listSql } from '../../src/mfa/list.js';
import { statsSql } from '../../src/mfa/stats.js';
import { flag, median, megabytes, say, seconds, succeeded, timed } from './measure.js';
import { type BenchServer, createServer } from './server.js';

const DATABASE = 'people';
const EVERYBODY = {
  ...{
    state: null,
    role: null,
    required: false,
    missing: false,
    organization: null,
    after: null,
    limit: 0,
    blocked: [],
  },
} as const;

/** `--users N` (1,000,000), `--rounds N` (5): list and stats against the same SQL in psql, status against a plain look-up, in turns. */
export async function main(args: readonly string[]): Promise<number> {
  const users = Number(flag(args, 'users') ?? 1_000_000);
  const rounds = Number(flag(args, 'rounds') ?? 5);
  const server = await createServer({ fsync: 'off', shared_buffers: '512MB' });
  try {
    await server.start();
    await fill(server, users);
    const env = { ...server.environment, PGDATABASE: DATABASE, HOME: '/nonexistent' };
    const seen = { application: threeDPot.in('public'), readsSecrets: true };
    const list = listSql(seen, EVERYBODY);
    await pair('stats', ['mfa', 'stats', '--json', '-q'], statsSql(seen), env, rounds);
    await pair('list, ndjson', ['mfa', 'list', '--limit', '0', '-o', 'ndjson', '-q'], list, env, rounds);
    await pair('list, csv', ['mfa', 'list', '--limit', '0', '-o', 'csv', '-q'], list, env, rounds);
    await pair('status', ['mfa', 'status', 'user500000', '--json', '-q'], FIND, env, rounds);
    return 0;
  } finally {
    await server.destroy();
  }
}

/** What finding a person reads: without regard to case, so the whole table. */
const FIND = `select id::text, email, username from users
               where id::text = 'user500000' or lower(email) = 'user500000' or lower(username) = 'user500000'`;

async function pair(
  name: string,
  command: readonly string[],
  sql: string,
  env: NodeJS.ProcessEnv,
  rounds: number,
): Promise<void> {
  const potctl = `exec ${process.execPath} ${path.resolve('bin/potctl.js')} ${command.join(' ')} > /dev/null`;
  const psql = 'exec psql -X -q -A -t -c "$SQL" > /dev/null';
  const times: [number[], number[]] = [[], []];
  let peak = 0;
  for (let round = 0; round <= rounds; round += 1) {
    const ours = succeeded(await timed('bash', ['-c', potctl], { env }), name);
    const theirs = succeeded(await timed('bash', ['-c', psql], { env: { ...env, SQL: sql } }), 'psql');
    peak = Math.max(peak, ours.peakBytes);
    if (round === 0) continue;
    times[0].push(ours.wallMs);
    times[1].push(theirs.wallMs);
  }
  const [ours, theirs] = times.map(median) as [number, number];
  say(
    `${name.padEnd(14)} ${seconds(ours)} against ${seconds(theirs)} = ${(ours / theirs).toFixed(2)}; peak ${megabytes(peak)}`,
  );
}

async function fill(server: BenchServer, users: number): Promise<void> {
  // As databases of applications are: comparing without regard to case costs more than in the locale C.
  await server.query(`create database ${DATABASE} template template0 locale 'C.UTF-8'`);
  const { readFile } = await import('node:fs/promises');
  await server.query(await readFile(path.resolve('test/fixtures/schemas/3dpot.sql'), 'utf8'), DATABASE);
  await server.query(
    `insert into users (id, email, username, hashed_password, is_active, is_superuser, role, mfa_enabled, mfa_secret, mfa_backup_codes, created_at, updated_at)
     select gen_random_uuid(), 'user' || n || '@example.com', 'user' || n, 'x', true, false, (array['user', 'premium', 'admin'])[1 + n % 3]::user_role,
            n % 3 = 0, case when n % 3 < 2 then 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ' end,
            case when n % 3 = 0 then '["1234-5678", "2345-6789"]'::json end, now(), now()
       from generate_series(1, ${users}) as n`,
    DATABASE,
  );
  await server.query('vacuum analyze', DATABASE);
  say(`${users} users`);
}
