import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { loadSettings } from '../../src/config/load.js';
import type { SettingsRequest } from '../../src/config/request.js';
import type { Settings } from '../../src/config/settings.js';
import { splitCommand } from '../../src/config/split-command.js';
import { redact } from '../../src/kernel/secret.js';

const top = mkdtempSync(path.join(tmpdir(), 'passwords-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

let home = '';
beforeEach(() => {
  home = mkdtempSync(path.join(top, 'home-'));
});

const write = (name: string, text: string, mode = 0o600): string => {
  const file = path.join(home, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
};
const load = (more: Partial<SettingsRequest> = {}, database = ''): Promise<Settings> => {
  const config = write('config.yaml', `profiles:\n  p:\n    database: { host: db1${database} }\n`);
  const request = { environment: {}, homeDirectory: home, userName: 'ana', cwd: home, ...more };
  return loadSettings({ ...request, flags: { config, profile: 'p', ...more.flags } });
};
const password = async (settings: Settings): Promise<string | undefined> =>
  (settings.connection.password ?? (await settings.connection.fetchPassword?.()))?.reveal();

describe('the order of the sources', () => {
  test('each source yields to the one above it', async () => {
    const pgpass = write('.pgpass', '*:*:*:*:from pgpass\n');
    const credentials = path.dirname(write('credentials/potctl.db', 'from systemd\n'));
    const service = write('services', '[s]\npassword=from service\n');
    const variable = { PGPASSWORD: 'from variable' };
    const named = { POTCTL_DB_PASSWORD_FILE: write('named', 'from named file\r\nsecond line') };
    const profileFile = write('profile', 'from profile file');
    const flag = write('flag', 'from flag');

    expect(await password(await load({ environment: { ...variable, PGPASSFILE: '/nowhere' } }))).toBe('from variable');
    expect(await password(await load({ environment: { ...variable, PGPASSFILE: pgpass } }))).toBe('from pgpass');
    expect(await password(await load({ environment: variable }))).toBe('from pgpass');
    const withService = { ...variable, PGSERVICE: 's', PGSERVICEFILE: service };
    expect(await password(await load({ environment: withService }))).toBe('from service');
    expect(await password(await load({ environment: { ...withService, ...named } }))).toBe('from named file');
    const all = { ...withService, ...named, CREDENTIALS_DIRECTORY: credentials };
    expect(await password(await load({ environment: all }))).toBe('from systemd');
    expect(await password(await load({ environment: all }, ', password_command: "echo from command"'))).toBe(
      'from command',
    );
    const inProfile = `, password_file: ${profileFile}`;
    expect(await password(await load({ environment: all }, inProfile))).toBe('from profile file');
    expect(await password(await load({ environment: all, flags: { passwordFile: flag } }, inProfile))).toBe(
      'from flag',
    );
  });

  test('the prompt comes last, once, and only when the server requires a password', async () => {
    let asked = 0;
    const promptPassword = async (): Promise<string> => {
      asked += 1;
      return 'typed';
    };
    const settings = await load({ promptPassword });
    expect([settings.connection.password, asked]).toEqual([null, 0]);
    expect([await password(settings), await password(settings), asked]).toEqual(['typed', 'typed', 1]);
    expect(await password(await load({ promptPassword, environment: { PGPASSWORD: 'variable' } }))).toBe('variable');
  });

  test('without any source there is no password, and no way to ask', async () => {
    const { connection } = await load();
    expect(connection.password).toBeNull();
    expect(connection.fetchPassword).toBeUndefined();
  });
});

describe('DATABASE_URL', () => {
  const noProfile = (environment: Record<string, string>) =>
    loadSettings({ flags: {}, environment, homeDirectory: home, userName: 'ana', cwd: home, systemFile: '/nowhere' });

  test('is used only if neither a profile nor libpq’s variables name the server', async () => {
    const url = 'postgres://u:from-url@db9:6543/shop';
    const settings = await noProfile({ DATABASE_URL: url });
    expect(settings.connection).toMatchObject({ host: 'db9', port: 6543, user: 'u', database: 'shop' });
    expect([await password(settings), settings.connection.passwordSource]).toEqual(['from-url', 'env DATABASE_URL']);
    const other = await noProfile({ DATABASE_URL: url, PGHOST: 'db1' });
    expect(other.connection).toMatchObject({ host: 'db1', database: 'ana', password: null });
    expect(other.warnings).toEqual(['DATABASE_URL is not used, because PGHOST is set']);
    expect((await load({ environment: { DATABASE_URL: url } })).connection).toMatchObject({
      host: 'db1',
      database: 'ana',
    });
  });
});

describe('password_command', () => {
  const command = (text: string, more: Partial<SettingsRequest> = {}) => load(more, `, password_command: ${text}`);

  test('runs without a shell, only when the server asks, and its first line is the password', async () => {
    const mark = path.join(home, 'ran');
    const settings = await command(`[sh, -c, 'echo run >> ${mark}; echo first; echo second']`);
    const { existsSync, readFileSync } = await import('node:fs');
    expect(existsSync(mark)).toBe(false);
    expect([await password(settings), await password(settings)]).toEqual(['first', 'first']);
    expect(readFileSync(mark, 'utf8')).toBe('run\n');
    expect(await password(await command(`'printf "%s" "a b;c"'`))).toBe('a b;c');
  });

  test('gets the environment without the passwords in it', async () => {
    const environment = {
      PATH: process.env['PATH'] ?? '',
      PGPASSWORD: 'canary',
      DATABASE_URL: 'canary',
      VAULT_ADDR: 'kept',
    };
    expect(
      await password(await command(`[sh, -c, 'echo "$PGPASSWORD$DATABASE_URL$VAULT_ADDR"']`, { environment })),
    ).toBe('kept');
  });

  test.each([
    ["[sh, -c, 'echo locked >&2; exit 3']", 'E_TOOL_FAILED', 'locked'],
    ['/nowhere/vault', 'E_TOOL_MISSING', 'vault'],
    ["'true'", 'E_CONFIG', 'printed nothing'],
    ["'echo $HOME'", 'E_CONFIG', 'no shell'],
    ["'a | b'", 'E_CONFIG', 'no shell'],
  ])('%s fails when it is run, with the reason', async (text, code, words) => {
    const environment = { PATH: process.env['PATH'] ?? '' };
    const error = await password(await command(text, { environment })).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(`${(error as Error).message} ${JSON.stringify(error)}`).toContain(words);
  });

  test('is split as by a shell', () => {
    expect(splitCommand(`a  "b c" 'd "e' f\\ g "h\\"i" ''`)).toEqual(['a', 'b c', 'd "e', 'f g', 'h"i', '']);
    expect(splitCommand(`'open`)).toContain('not closed');
    expect(splitCommand('  ')).toBe('it is empty');
  });
});

describe('a failing source', () => {
  test('a missing or empty password file is an error when the server asks, and no other source replaces it', async () => {
    for (const file of ['/nowhere/password', write('empty', '\n')]) {
      const settings = await load({ environment: { PGPASSWORD: 'other' } }, `, password_file: ${file}`);
      expect(settings.connection.password).toBeNull();
      await expect(password(settings)).rejects.toMatchObject({
        code: 'E_CONFIG',
        message: expect.stringContaining(file),
      });
    }
  });

  test('a .pgpass that is readable by others is reported', async () => {
    write('.pgpass', '*:*:*:*:x\n', 0o644);
    const settings = await load();
    expect(settings.connection.password).toBeNull();
    expect(settings.warnings?.[0]).toMatch(/\.pgpass is ignored: its mode is 0644.*chmod 0600/);
  });

  test('a .pgpass without a matching line is reported with the closest one', async () => {
    write('.pgpass', '# x\ndb1:5433:*:ana:x\n');
    expect((await load()).connection.passwordNotes?.[0]).toContain('the closest, line 2, differs in port');
  });

  test('a missing PGPASSFILE is reported', async () => {
    const { connection } = await load({ environment: { PGPASSFILE: '/nowhere/pgpass' } });
    expect(connection.passwordNotes).toEqual(['/nowhere/pgpass (PGPASSFILE) does not exist']);
  });
});

test('no password is visible in settings, origins or redacted text', async () => {
  const file = write('file', 'canary-file');
  const environment = { PGPASSWORD: 'canary-variable' };
  const settings = await load({ environment }, `, password_file: ${file}`);
  expect(JSON.stringify(settings) + inspect(settings, { depth: 9 })).not.toContain('canary');
  expect(settings.origins.find(({ key }) => key === 'database.password')?.value).toBe(
    `set (file ${file}, 11 bytes, 0600)`,
  );
  expect(redact('x canary-file canary-variable')).not.toContain('canary');
});
