import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { parseConnectionUrl } from '../../src/config/libpq/connection-url.js';
import { defaultSocketDirectory, resolveConnection } from '../../src/config/libpq/parameters.js';
import { lookUpPassword } from '../../src/config/libpq/passfile-lookup.js';

const top = mkdtempSync(path.join(tmpdir(), 'libpq-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

let home = '';
beforeEach(() => {
  home = mkdtempSync(path.join(top, 'home-'));
});

const resolve = async (environment: Record<string, string>, explicit: Record<string, string> = {}) =>
  (
    await resolveConnection({
      explicit: new Map(Object.entries(explicit).map(([keyword, value]) => [keyword, { value, from: 'here:1' }])),
      environment,
      homeDirectory: home,
      userName: 'ana',
      cwd: '/srv',
      systemDirectories: [path.join(home, 'etc')],
    })
  ).target;
const refusal = (work: Promise<unknown>): Promise<Record<string, unknown>> =>
  work.then(
    () => expect.unreachable('it was accepted'),
    (error: unknown) => error as Record<string, unknown>,
  );

describe('the environment', () => {
  test('sets every part, and defaults replace what is unset or empty', async () => {
    expect(await resolve({})).toMatchObject({
      host: defaultSocketDirectory(),
      port: 5432,
      user: 'ana',
      database: 'ana',
      sslmode: 'prefer',
      options: null,
    });
    expect(await resolve({ PGUSER: 'ops', PGHOST: '', PGPORT: '' })).toMatchObject({
      user: 'ops',
      database: 'ops',
      port: 5432,
    });
    const all = {
      PGHOST: 'db1',
      PGHOSTADDR: '10.0.0.1',
      PGPORT: ' 6000 ',
      PGUSER: 'ops',
      PGDATABASE: '3dpot_dev',
      PGSSLMODE: 'verify-ca',
      PGSSLROOTCERT: 'ca.crt',
      PGOPTIONS: '-c geqo=off',
      PGCONNECT_TIMEOUT: '1',
    };
    expect(await resolve(all)).toMatchObject({
      ...{ host: 'db1', hostaddr: '10.0.0.1', port: 6000, user: 'ops', database: '3dpot_dev', sslmode: 'verify-ca' },
      ...{ sslrootcert: '/srv/ca.crt', options: '-c geqo=off', connectTimeoutS: 2 },
    });
  });

  test.each([
    [{ PGPORT: '5432x' }, 'whole number', 'env PGPORT'],
    [{ PGPORT: '70000' }, '65535', 'env PGPORT'],
    [{ PGSSLMODE: 'requierd' }, 'sslmode', 'env PGSSLMODE'],
    [{ PGHOST: 'a,b' }, 'several servers', 'env PGHOST'],
    [{ PGHOST: '@abstract' }, 'abstract', 'env PGHOST'],
    [{ PGHOSTADDR: 'db1' }, 'IP address', 'env PGHOSTADDR'],
    [{ PGCONNECT_TIMEOUT: 'soon' }, 'whole number', 'env PGCONNECT_TIMEOUT'],
    [{ PGREQUIREPEER: 'postgres' }, 'does not support', 'env PGREQUIREPEER'],
    [{ PGCHANNELBINDING: 'require' }, 'does not support', 'env PGCHANNELBINDING'],
    [{ PGTARGETSESSIONATTRS: 'read-write' }, 'does not support', 'env PGTARGETSESSIONATTRS'],
    [{ PGSSLROOTCERT: 'system', PGSSLMODE: 'require' }, 'too weak', 'env PGSSLMODE'],
  ])('%o is refused with its origin', async (environment, words, from) => {
    const error = await refusal(resolve(environment as Record<string, string>));
    expect(error).toMatchObject({ code: 'E_CONFIG', why: { from } });
    expect(error['message']).toContain(words);
  });

  test('values that potctl satisfies anyway are accepted', async () => {
    const environment = {
      PGTARGETSESSIONATTRS: 'any',
      PGCHANNELBINDING: 'prefer',
      PGAPPNAME: 'x',
      PGGSSENCMODE: 'disable',
    };
    await expect(resolve(environment)).resolves.toBeDefined();
  });

  test('PGHOSTADDR does not silently redirect a host that was set elsewhere', async () => {
    const error = await refusal(resolve({ PGHOSTADDR: '10.0.0.9' }, { host: 'prod-db' }));
    expect(error).toMatchObject({ code: 'E_CONFIG', fix: ['unset PGHOSTADDR'] });
  });

  test('certificates in ~/.postgresql are used if they exist', async () => {
    mkdirSync(path.join(home, '.postgresql'));
    writeFileSync(path.join(home, '.postgresql', 'root.crt'), '');
    expect(await resolve({})).toMatchObject({ sslrootcert: path.join(home, '.postgresql/root.crt'), sslcert: null });
    expect(await resolve({ PGSSLROOTCERT: 'system' })).toMatchObject({ sslrootcert: 'system', sslmode: 'verify-full' });
  });
});

describe('services', () => {
  const service = (text: string): void => writeFileSync(path.join(home, '.pg_service.conf'), text);

  test('outrank the environment and yield to explicit values', async () => {
    service('# mine\n[other]\nhost=wrong\n[app]\nhost=db2\nport=6001\nuser=svc\nhost=second\n[app]\ndbname=never\n');
    const environment = { PGSERVICE: 'app', PGHOST: 'env', PGDATABASE: 'envdb' };
    expect(await resolve(environment, { port: '7000' })).toMatchObject({
      ...{ host: 'db2', port: 7000, user: 'svc', database: 'envdb', service: 'app' },
    });
  });

  test('are searched for in the system’s file if the personal one lacks them', async () => {
    service('[other]\n');
    mkdirSync(path.join(home, 'etc'));
    writeFileSync(path.join(home, 'etc', 'pg_service.conf'), '[app]\nhost=system\n');
    expect(await resolve({ PGSERVICE: 'app' })).toMatchObject({ host: 'system' });
    expect(await resolve({ PGSERVICE: 'app', PGSYSCONFDIR: path.join(home, 'etc') })).toMatchObject({ host: 'system' });
  });

  test.each([
    ['[app]\nhost = db\n', 'does not allow a space', 2],
    ['[app]\nhots=db\n', "no keyword 'hots'", 2],
    ['[app]\n\nnonsense\n', 'keyword=value', 3],
    ['[app]\nservice=b\n', 'cannot refer', 2],
    ['[app]\nldap://x/y\n', 'LDAP', 2],
  ])('a mistake is reported with its line: %j', async (text, words, line) => {
    service(text);
    const error = await refusal(resolve({ PGSERVICE: 'app' }));
    expect(error['message']).toContain(`.pg_service.conf:${line}`);
    expect(String(error['why'])).toContain(words);
  });

  test('an unknown one is reported with a list of the known ones', async () => {
    service('[one]\nhost=a\n[two]\nhost=b\n');
    const error = await refusal(resolve({ PGSERVICE: 'three' }));
    expect(error).toMatchObject({ code: 'E_CONFIG', why: { services: 'one, two' } });
  });

  test('a missing PGSERVICEFILE is an error', async () => {
    const error = await refusal(resolve({ PGSERVICE: 'app', PGSERVICEFILE: '/nowhere/services' }));
    expect(error['message']).toContain('/nowhere/services');
  });
});

describe('URLs', () => {
  test.each([
    ['postgres://u:p%40%3A@h:77/d%20b', { user: 'u', password: 'p@:', host: 'h', port: '77', dbname: 'd b' }],
    ['postgresql:///db?host=/tmp/q&port=1', { dbname: 'db', host: '/tmp/q', port: '1' }],
    ['postgres://%2Ftmp%2Fq:77/db', { host: '/tmp/q', port: '77', dbname: 'db' }],
    ['postgres://[::1]:99/db', { host: '::1', port: '99', dbname: 'db' }],
    [
      'postgres://h/db?sslmode=require&connect_timeout=5',
      { host: 'h', dbname: 'db', sslmode: 'require', connect_timeout: '5' },
    ],
    ['postgres://h/db?ssl=true', { host: 'h', dbname: 'db', sslmode: 'require' }],
    ['postgres://u@/db', { user: 'u', dbname: 'db' }],
    ['postgres://', {}],
    ['postgres://h/db?user=late', { host: 'h', dbname: 'db', user: 'late' }],
    ['postgres://h/%C3%A7a', { host: 'h', dbname: 'ça' }],
  ])('%s', (url, parts) => {
    expect(Object.fromEntries(parseConnectionUrl(url, 'here'))).toEqual(parts);
  });

  test.each([
    ['mysql://h/db', 'postgres://'],
    ['postgres://u:canary@h/%zz', 'hexadecimal'],
    ['postgres://u:canary@h/%00', '%00'],
    ['postgres://u:canary@[::1/db', 'IPv6'],
    ['postgres://u:canary@h/db?schema=public', "no parameter 'schema'"],
    ['postgres://u:canary@h/db?pgbouncer=true', 'pooler'],
    ['postgres://u:canary@h/db?a', 'name=value'],
  ])('%s is refused without repeating its password', (url, words) => {
    const error = (() => {
      try {
        return parseConnectionUrl(url, 'env DATABASE_URL');
      } catch (thrown) {
        return thrown as Error;
      }
    })();
    expect(error).toMatchObject({ code: 'E_CONFIG', why: { from: 'env DATABASE_URL' } });
    expect((error as Error).message).toContain(words);
    expect(JSON.stringify(error) + (error as Error).message).not.toContain('canary');
  });
});

describe('.pgpass', () => {
  const login = { host: 'db1', port: 5432, database: 'app', user: 'ops' };
  const look = async (text: string, mode = 0o600, who: Partial<typeof login> = {}) => {
    const file = path.join(home, '.pgpass');
    writeFileSync(file, text);
    chmodSync(file, mode);
    const answer = await lookUpPassword(file, { ...login, ...who }, '/var/run/postgresql');
    return answer.password === null ? { note: answer.note, fix: answer.fix } : [answer.password.reveal(), answer.line];
  };

  test('uses the first matching line, with wildcards, escapes and comments', async () => {
    expect(
      await look('# db1:5432:app:ops:no\r\n\ndb1:5432:other:ops:no\n*:*:app:ops:s3\\:cr\\\\et\r\n*:*:*:*:late\n'),
    ).toEqual(['s3:cr\\et', 4]);
    expect(await look('d\\b1:5432:app:ops:a:b c ')).toEqual(['a:b c ', 1]);
    expect(await look('\\*:5432:app:ops:no\ndb1:5432:app:ops:yes')).toEqual(['yes', 2]);
    expect(await look('a\\:b:5432:app:ops:x', 0o600, { host: 'a:b' })).toEqual(['x', 1]);
  });

  test('matches the default socket directory as localhost, and no other directory', async () => {
    expect(await look('localhost:*:*:*:x', 0o600, { host: '/var/run/postgresql' })).toEqual(['x', 1]);
    expect(await look('localhost:*:*:*:x', 0o600, { host: '/tmp/mine' })).toMatchObject({
      note: expect.stringContaining('host'),
    });
    expect(await look('/tmp/mine:*:*:*:x', 0o600, { host: '/tmp/mine' })).toEqual(['x', 1]);
  });

  test('reports that a file with insecure permissions is ignored', async () => {
    expect(await look('*:*:*:*:x', 0o644)).toEqual({
      note: expect.stringMatching(/\.pgpass is ignored: its mode is 0644/),
      fix: expect.stringContaining('chmod 0600'),
    });
  });

  test.each(['0640', '0620', '0610', '0604', '0602', '0601'])(
    'is ignored, as libpq ignores it, with mode %s',
    async (mode) => {
      const answer = await look('*:*:*:*:x', Number.parseInt(mode, 8));
      expect(answer).toMatchObject({ fix: expect.stringContaining('chmod 0600') });
    },
  );

  test('reports how the closest line differs, and which line would match', async () => {
    expect(await look('other:1:x:y:p\ndb1:5433:app:ops:p\n')).toEqual({
      note: expect.stringContaining('the closest, line 2, differs in port'),
      fix: expect.stringContaining('db1:5432:app:ops:PASSWORD'),
    });
    expect(await look('db1:5432:app:ops\n')).toMatchObject({ note: expect.stringContaining('line 1 lacks a field') });
  });

  test('reports nothing if the file does not exist', async () => {
    const answer = await lookUpPassword(path.join(home, 'nothing'), login, '/tmp');
    expect(answer).toMatchObject({ password: null, note: null });
  });
});
