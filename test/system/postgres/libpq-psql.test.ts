import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { loadSettings } from '../../../src/config/load.js';

/** What a client sent: the address it connected to, its startup parameters, and its password. */
interface Knock {
  readonly at: string;
  readonly user: string;
  readonly database: string;
  readonly options: string | null;
  readonly password: string | null;
}

const home = mkdtempSync(path.join(tmpdir(), 'psql-'));
const socketFolder = path.join(home, 'run');
const knocks: Knock[] = [];
const servers: Server[] = [];
let port = 0;

beforeAll(async () => {
  mkdirSync(socketFolder);
  port = await listen('tcp', { host: '127.0.0.1', port: 0 });
  await listen('socket', { path: path.join(socketFolder, `.s.PGSQL.${port}`) });
});
afterAll(async () => {
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  rmSync(home, { recursive: true, force: true });
});

/** Listens like a server that requires a cleartext password and then disconnects: psql itself shows what it resolved. */
async function listen(at: string, where: { host: string; port: number } | { path: string }): Promise<number> {
  const server = createServer((socket) => receive(socket, at));
  servers.push(server);
  await new Promise<void>((ready) => server.listen(where, ready));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function receive(socket: Socket, at: string): void {
  let startup: Record<string, string> | null = null;
  let password: string | null = null;
  socket.on('error', () => undefined);
  socket.on('close', () => {
    if (startup === null) return;
    const { user = '', database = user, options = null } = startup;
    knocks.push({ at, user, database, options, password });
  });
  socket.on('data', (data) => {
    if (startup !== null) {
      if (data[0] === 0x70) password = data.toString('utf8', 5, data.length - 1);
      return void socket.end();
    }
    const code = data.readInt32BE(4);
    if (code === 80877103 || code === 80877104) return void socket.write('N'); // no TLS, no GSS encryption
    const words = data.toString('utf8', 8).split('\0');
    startup = Object.fromEntries(words.flatMap((word, i) => (i % 2 === 0 && word ? [[word, words[i + 1] ?? '']] : [])));
    socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
  });
}

async function askPsql(environment: Record<string, string>): Promise<Knock | string> {
  knocks.length = 0;
  const psql = path.join(inject('postgres').binaries, 'psql');
  const env = { ...environment, HOME: home, PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };
  const failure = await promisify(execFile)(psql, ['-X', '-w', '-c', 'select 1'], { env }).catch(
    (error: Error) => error.message,
  );
  const deadline = Date.now() + 2_000;
  // The listener may notice the closed connection a moment after psql has ended.
  while (knocks.length === 0 && /closed|no password supplied/.test(String(failure)) && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10));
  return knocks.at(-1) ?? String(failure);
}

async function askPotctl(environment: Record<string, string>): Promise<Knock | string> {
  try {
    const { connection } = await loadSettings({
      flags: {},
      environment,
      homeDirectory: home,
      userName: userInfo().username,
      cwd: '/',
      systemFile: '/nowhere',
    });
    const { host, hostaddr, user, database, options, password } = connection;
    const at = host === socketFolder && hostaddr === null ? 'socket' : 'tcp';
    expect(connection.port).toBe(port);
    return { at, user, database, options, password: password?.reveal() ?? null };
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  }
}

describe('potctl and psql agree about', () => {
  const file = (name: string, text: string): string => {
    writeFileSync(path.join(home, name), text, { mode: 0o600 });
    return path.join(home, name);
  };
  const cases: [string, () => Record<string, string>][] = [
    ['host and port', () => ({ PGHOST: '127.0.0.1', PGPORT: String(port) })],
    ['a socket directory', () => ({ PGHOST: socketFolder, PGPORT: String(port), PGUSER: 'ops' })],
    [
      'an address under another name',
      () => ({ PGHOST: 'no-such-host.invalid', PGHOSTADDR: '127.0.0.1', PGPORT: String(port) }),
    ],
    ['an address alone', () => ({ PGHOSTADDR: '127.0.0.1', PGPORT: `  ${port} `, PGDATABASE: '3dpot_dev' })],
    [
      'options and odd names',
      () => ({
        PGHOST: socketFolder,
        PGPORT: String(port),
        PGOPTIONS: '-c geqo=off',
        PGUSER: 'a b',
        PGDATABASE: 'we"ird=x ç',
      }),
    ],
    [
      'a URL as database name, which is no URL',
      () => ({ PGHOST: socketFolder, PGPORT: String(port), PGDATABASE: 'postgres://h/x' }),
    ],
    [
      'a service over the environment',
      () => ({
        PGSERVICE: 'app',
        PGSERVICEFILE: file(
          'services',
          `# c\n[application]\nhost=wrong\n[app]\n host=${socketFolder}  \nport=${port}\nuser=svc\nuser=second\npassword=pw = x\n[app]\ndbname=late\n`,
        ),
        PGHOST: 'wrong',
        PGDATABASE: 'fromenv',
      }),
    ],
    [
      'a password by host',
      () => ({
        PGHOST: '127.0.0.1',
        PGPORT: String(port),
        PGUSER: 'ops',
        PGDATABASE: 'app',
        PGPASSFILE: file('pass', `#x\n127.0.0.1:1:*:*:no\n127.0.0.1:${port}:app:o\\ps:a\\:b\\\\c d\n*:*:*:*:late\n`),
      }),
    ],
    [
      'a password by name with an address',
      () => ({
        PGHOST: 'named.invalid',
        PGHOSTADDR: '127.0.0.1',
        PGPORT: String(port),
        PGPASSFILE: file('pass', '127.0.0.1:*:*:*:by-address\nnamed.invalid:*:*:*:by-name\n'),
      }),
    ],
    [
      'a password for a socket directory',
      () => ({
        PGHOST: socketFolder,
        PGPORT: String(port),
        PGPASSFILE: file('pass', `localhost:*:*:*:no\n${socketFolder}:*:*:*:yes\n`),
      }),
    ],
    [
      '~/.pgpass',
      () => ({ PGHOST: '127.0.0.1', PGPORT: String(port), HOME: path.dirname(file('.pgpass', '*:*:*:*:from-home\n')) }),
    ],
    [
      'PGPASSWORD',
      () => ({ PGHOST: '127.0.0.1', PGPORT: String(port), PGPASSFILE: '/nowhere', PGPASSWORD: 'ç:variable' }),
    ],
  ];

  test.each(cases)('%s', async (_, make) => {
    const environment = make();
    const psql = await askPsql(environment);
    expect(typeof psql).toBe('object');
    expect(await askPotctl(environment)).toEqual(psql);
  });

  test.each([
    [{ PGSSLMODE: 'on' }],
    [{ PGPORT: '54x' }],
    [{ PGSERVICE: 'nowhere' }],
    [{ PGHOSTADDR: 'name' }],
    [{ PGSERVICE: 'a', PGSERVICEFILE: '/nowhere/file' }],
  ])('refusing %o', async (environment) => {
    expect(await askPsql(environment as Record<string, string>)).toMatch(/psql: error/);
    expect(await askPotctl(environment as Record<string, string>)).toMatch(/^refused/);
  });
});
