import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusalOf } from '../../support/bad-input.js';
import { freePort, type GuardedCluster, startGuardedCluster } from '../../support/guarded-cluster.js';
import { potctl } from '../../support/run-cli.js';
import { temporaryFolder } from '../../support/tree.js';

const CANARY = 'Canary7-wrong';
let cluster: GuardedCluster;
let closedPort: number;

beforeAll(async () => {
  cluster = await startGuardedCluster();
  closedPort = await freePort();
});
afterAll(() => cluster.stop());

interface Way {
  readonly name: string;
  readonly user?: string;
  /** URL parameters, e.g. `sslmode=disable`. */
  readonly options?: string;
  readonly database?: string;
  readonly port?: () => number;
  readonly right?: true;
  readonly exit: number;
  readonly code: string;
  readonly says: RegExp;
}

const ways: readonly Way[] = [
  { name: 'is down', port: () => closedPort, exit: 16, code: 'E_DB_UNREACHABLE', says: /cannot reach/ },
  { name: 'refuses the password', exit: 12, code: 'E_DB_DENIED', says: /password authentication failed/ },
  { name: 'does not know the role', user: 'nobody_here', exit: 12, code: 'E_DB_DENIED', says: /nobody_here/ },
  {
    name: 'requires TLS',
    user: 'tls_only',
    options: 'sslmode=disable',
    exit: 16,
    code: 'E_DB_TLS',
    says: /no encryption/,
  },
  {
    name: 'has no TLS for the role',
    user: 'plain_only',
    options: 'sslmode=require',
    exit: 16,
    code: 'E_DB_TLS',
    says: /./,
  },
  { name: 'lacks the database', database: 'nope', right: true, exit: 10, code: 'E_DATABASE_NOT_FOUND', says: /nope/ },
];

/** Only DATABASE_URL is set, so it contains the password. */
function addressOf({ user = 'both', options, database = 'postgres', port, right }: Way): string {
  const password = encodeURIComponent(right ? cluster.password : CANARY);
  return `postgres://${user}:${password}@127.0.0.1:${port?.() ?? cluster.port}/${database}${options ? `?${options}` : ''}`;
}

describe.each(ways)('a server that $name', (way) => {
  test.each([
    ['backup', 'create', '--json'],
    ['restore', 'plan', '--json', '--debug'],
    ['doctor', '--json', '--log-format', 'json'],
  ])('%s %s reports it with its exit code, changes nothing, and repeats no password', async (...words) => {
    const folder = await temporaryFolder();
    const repository = path.join(folder, 'repository');
    const args = [...words, '--repository', repository];
    const env = { PGHOST: undefined, PGPORT: undefined, PGUSER: undefined, DATABASE_URL: addressOf(way) };

    const ran = await potctl(args, { env });

    for (const secret of [CANARY, cluster.password, encodeURIComponent(cluster.password)]) {
      expect(ran.stdout + ran.stderr).not.toContain(secret);
    }
    if (words[0] === 'backup') {
      const refusal = refusalOf(ran);
      expect(refusal).toMatchObject({ exit: way.exit, code: way.code });
      expect(`${refusal.message} ${JSON.stringify(refusal.why)}`).toMatch(way.says);
    } else {
      expect(ran.exitCode).not.toBe(0);
    }
    expect(await readdir(folder)).toEqual([]);
  });
});

test('a socket directory without a server is named, with what to start or to set', async () => {
  const folder = await temporaryFolder();
  const env = { PGHOST: folder, PGPORT: '5433', PGUSER: 'nobody', PGDATABASE: 'app', DATABASE_URL: undefined };

  const ran = await potctl(['backup', 'create', '--json', '--repository', path.join(folder, 'repository')], { env });

  const { code, why, fix } = refusalOf(ran);
  expect(code).toBe('E_DB_UNREACHABLE');
  expect(why).toBe(`no server listens on the Unix socket '${folder}/.s.PGSQL.5433'`);
  expect(fix.join(' ')).toMatch(/start it.*PGHOST and PGPORT/);
  expect(await readdir(folder)).toEqual([]);
});
