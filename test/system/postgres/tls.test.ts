import { chmod, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConnectionSettings } from '../../../src/config/libpq/settings.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import { Secret } from '../../../src/kernel/secret.js';
import { openLogin } from '../../../src/postgres/login.js';
import { openToolRunner } from '../../../src/postgres/run-tool.js';
import type { Server } from '../../../src/postgres/server.js';
import { FIXTURES, type GuardedCluster, startGuardedCluster } from '../../support/guarded-cluster.js';
import { openTestServer } from '../../support/server.js';

let withTls: GuardedCluster;
let withoutTls: GuardedCluster;
let homes: string;

beforeAll(async () => {
  homes = await mkdtemp(path.join(os.tmpdir(), 'potctl-home-'));
  for (const [home, ca] of [
    ['right', 'ca.crt'],
    ['wrong', 'other-ca.crt'],
  ] as const) {
    const folder = path.join(homes, home, '.postgresql');
    await mkdir(folder, { recursive: true });
    await copyFile(new URL(ca, FIXTURES), path.join(folder, 'root.crt'));
  }
  for (const name of ['client.crt', 'client.key']) {
    const file = path.join(homes, 'right', '.postgresql', name.replace('client', 'postgresql'));
    await copyFile(new URL(name, FIXTURES), file);
    await chmod(file, 0o600);
  }
  [withTls, withoutTls] = await Promise.all([startGuardedCluster(), startGuardedCluster('off')]);
});

afterAll(async () => {
  await Promise.all([withTls?.stop(), withoutTls?.stop()]);
  await rm(homes, { recursive: true, force: true });
});

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

describe('driver and libpq behave the same', () => {
  test.each(
    MODES.flatMap((sslmode) =>
      (['tls_only', 'plain_only', 'both'] as const).map((user) => ({ sslmode, user, home: 'none' })),
    ),
  )('sslmode=$sslmode as $user without a root certificate', agree);

  test.each(
    MODES.slice(2).flatMap((sslmode) => [
      { sslmode, user: 'both', home: 'right' },
      { sslmode, user: 'both', home: 'wrong' },
      { sslmode, user: 'both', home: 'right', host: '127.0.0.1', hostaddr: null },
      { sslmode, user: 'certified', home: 'right' },
      { sslmode, user: 'certified', home: 'none' },
      { sslmode, user: 'both', home: 'none', sslrootcert: fileURLToPath(new URL('ca.crt', FIXTURES)) },
      { sslmode, user: 'both', home: 'none', sslrootcert: '/no/such/file' },
    ]),
  )('sslmode=$sslmode as $user, home $home, host $host, root $sslrootcert', agree);

  test.each(MODES.map((sslmode) => ({ sslmode, user: 'both', home: 'right', without: true })))(
    'sslmode=$sslmode with a server without TLS',
    agree,
  );

  test('a wrong password is rejected by both', async () => {
    const server = open({ sslmode: 'prefer', user: 'both', home: 'none', password: new Secret('wrong') });

    await expect(server.session({ purpose: 'test' })).rejects.toMatchObject({ code: 'E_DB_DENIED' });
  });
});

test.each([
  [{ sslmode: 'disable', user: 'tls_only', home: 'none' }, 'E_DB_TLS'],
  [{ sslmode: 'require', user: 'both', home: 'none', without: true }, 'E_DB_TLS'],
  [{ sslmode: 'verify-full', user: 'both', home: 'wrong' }, 'E_DB_TLS'],
  [{ sslmode: 'verify-full', user: 'both', home: 'none' }, 'E_DB_TLS'],
  [{ sslmode: 'verify-full', user: 'both', home: 'right', host: '127.0.0.1', hostaddr: null }, 'E_DB_TLS'],
  [{ sslmode: 'verify-ca', user: 'both', home: 'none', sslrootcert: 'system' }, 'E_DB_TLS'],
  [{ sslmode: 'prefer', user: 'nobody_knows', home: 'none' }, 'E_DB_DENIED'],
  [{ sslmode: 'prefer', user: 'both', home: 'none', password: null }, 'E_DB_DENIED'],
] satisfies [Case, string][])('%o is %s', async (request, code) => {
  await expect(open(request).session({ purpose: 'test' })).rejects.toMatchObject({ code });
});

test('a password is fetched once, when the server asks, for driver and tools together', async () => {
  let asked = 0;
  const fetchPassword = async () => {
    asked += 1;
    return new Secret(withTls.password);
  };
  const server = open({ sslmode: 'prefer', user: 'both', home: 'none', password: null, fetchPassword });

  await (await server.session({ purpose: 'test' })).close();
  await (await server.session({ purpose: 'test' })).close();

  expect(await byPsql(server)).toBe('t');
  expect(asked).toBe(1);
});

interface Case extends Partial<ConnectionSettings> {
  readonly sslmode: ConnectionSettings['sslmode'];
  readonly home: string;
  /** Use the server without TLS. */
  readonly without?: boolean;
}

function open(request: Case): Server {
  const { home: _, without = false, ...change } = request;
  const cluster = without ? withoutTls : withTls;
  const where = {
    host: 'localhost',
    hostaddr: '127.0.0.1',
    port: cluster.port,
    password: new Secret(cluster.password),
  };
  return openTestServer('postgres', { environment: environmentOf(request) }, { ...where, ...change });
}

function environmentOf({ home }: Case): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: path.join(homes, home) };
}

async function agree(request: Case): Promise<void> {
  const outcomes = [await outcomeOf(byDriver, request), await outcomeOf(byPsqlAlone, request)];
  expect(outcomes[0]).toBe(outcomes[1]);
}

async function outcomeOf(way: (request: Case) => Promise<string>, request: Case): Promise<string> {
  try {
    return `encrypted: ${await way(request)}`;
  } catch (error) {
    if (error instanceof PotctlError) return 'refused';
    throw error;
  }
}

const ENCRYPTED = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';

async function byDriver(request: Case): Promise<string> {
  const session = await open(request).session({ purpose: 'test' });
  const [row] = await session.query<{ ssl: boolean }>(ENCRYPTED);
  return row!.ssl ? 't' : 'f';
}

/** Uses our settings for the tools, without the driver, which would query the server's version. */
async function byPsqlAlone(request: Case): Promise<string> {
  const { settings } = open(request);
  const options = { environment: environmentOf(request), runtimeDirectory: path.join(homes, 'run') };
  const runner = openToolRunner({ settings, login: openLogin(settings), options, serverVersion: async () => 0 });
  try {
    return await byPsql(runner);
  } finally {
    await runner.close();
  }
}

async function byPsql(server: Pick<Server, 'runTool'>): Promise<string> {
  const lines: string[] = [];
  const args = ['--no-psqlrc', '--tuples-only', '--no-align', '--command', ENCRYPTED];
  const onStdoutLine = (line: string) => lines.push(line);
  const signal = new AbortController().signal;
  await server.runTool('psql', args, { database: 'postgres', signal, onStdoutLine });
  return lines.join('');
}
