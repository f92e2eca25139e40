import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadSettings } from '../../src/config/load.js';
import type { SettingsRequest } from '../../src/config/request.js';
import { refuseMissingFeatures, refuseProtected } from '../../src/config/unsupported.js';
import type { PotctlError } from '../../src/kernel/errors.js';
import { advice, again } from '../../src/kernel/next.js';

const folder = mkdtempSync(path.join(tmpdir(), 'config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let number = 0;
const fileWith = (text: string, mode = 0o600): string => {
  number += 1;
  const file = path.join(folder, `config-${number}.yaml`);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
};

const request = (more: Partial<SettingsRequest> = {}): SettingsRequest => ({
  flags: {},
  environment: {},
  homeDirectory: path.join(folder, 'home'),
  userName: 'ana',
  cwd: '/srv/app',
  systemFile: path.join(folder, 'etc', 'config.yaml'),
  ...more,
});
const withConfig = (text: string, more: Partial<SettingsRequest> = {}): SettingsRequest =>
  request({ ...more, flags: { config: fileWith(text), ...more.flags } });

describe('without a configuration file', () => {
  test('the environment and two flags are enough for a backup', async () => {
    const settings = await loadSettings(
      request({ environment: { PGDATABASE: 'app' }, flags: { files: './storage', repository: './backups' } }),
    );
    expect(settings.connection).toMatchObject({ database: 'app', user: 'ana', port: 5432, sslmode: 'prefer' });
    expect(settings.files).toEqual({ path: '/srv/app/storage', engine: 'archive', excludes: [] });
    expect(settings.repositories).toEqual([{ name: './backups', path: '/srv/app/backups' }]);
    expect(settings.profile).toEqual({ name: null, environment: null, onCommandLine: false });
    expect(settings.restore.keepOldMs).toBe(72 * 3_600_000);
    expect(settings.origins).toContainEqual({ key: 'database.name', value: 'app', from: 'env PGDATABASE' });
    expect(settings.origins).toContainEqual({ key: 'files.path', value: '/srv/app/storage', from: 'flag --files' });
  });

  test('an empty --files is an error, not a backup without files', async () => {
    await expect(loadSettings(request({ flags: { files: '' } }))).rejects.toMatchObject({ code: 'E_USAGE' });
  });

  test('a file or .env in the current directory is never read', async () => {
    const cwd = mkdtempSync(path.join(folder, 'cwd-'));
    mkdirSync(path.join(cwd, 'potctl'));
    for (const name of ['config.yaml', 'potctl.yaml', 'potctl/config.yaml', '.potctl.yaml'])
      writeFileSync(path.join(cwd, name), 'this: is not potctl');
    writeFileSync(path.join(cwd, '.env'), 'PGDATABASE=evil\n');
    const settings = await loadSettings(request({ cwd, environment: { XDG_CONFIG_HOME: '.' } }));
    expect(settings.connection.database).toBe('ana');
  });

  test('an unknown profile is reported with the locations that were searched', async () => {
    const error = await loadSettings(request({ flags: { profile: 'prod' } })).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'E_PROFILE_NOT_FOUND', exitCode: 10 });
    expect(JSON.stringify(error)).toContain(path.join(folder, 'home/.config/potctl/config.yaml'));
  });
});

const TWO = `
default_profile: staging
profiles:
  prod:
    environment: production
    database: { host: db1, port: 6000, name: app, user: ops, expect: { system_identifier: 7301442123456789012 } }
    files: { path: ~/storage, exclude: ["tmp/**"] }
    repositories:
      local: { path: /var/backups/potctl }
      offsite: { s3: { bucket: dr, prefix: /prod/ } }
    restore: { keep_old: 1d12h, stop_writers: systemctl stop api }
  staging:
    environment: staging
    database: { host: db2 }
`;

describe('profiles', () => {
  test('-p chooses one, and only -p counts as given on the command line for destructive commands', async () => {
    const byFlag = await loadSettings(withConfig(TWO, { flags: { profile: 'prod' } }));
    expect(byFlag.profile).toEqual({ name: 'prod', environment: 'production', onCommandLine: true });
    const byVariable = await loadSettings(withConfig(TWO, { environment: { POTCTL_PROFILE: 'prod' } }));
    expect(byVariable.profile).toEqual({ name: 'prod', environment: 'production', onCommandLine: false });
    const byDefault = await loadSettings(withConfig(TWO));
    expect(byDefault.profile).toEqual({ name: 'staging', environment: 'staging', onCommandLine: false });
    expect(byDefault.connection.host).toBe('db2');
  });

  test('every value is read, and a system identifier keeps its 19 digits without quotes', async () => {
    const settings = await loadSettings(withConfig(TWO, { flags: { profile: 'prod' } }));
    expect(settings.connection).toMatchObject({ host: 'db1', port: 6000, database: 'app', user: 'ops' });
    expect(settings.expect.systemIdentifier).toBe('7301442123456789012');
    expect(settings.files).toEqual({
      path: path.join(folder, 'home/storage'),
      engine: 'archive',
      excludes: ['tmp/**'],
    });
    expect(settings.repositories).toEqual([
      { name: 'local', path: '/var/backups/potctl' },
      { name: 'offsite', s3: { bucket: 'dr', prefix: 'prod', endpoint: null, region: null, pathStyle: false } },
    ]);
    expect(settings.restore).toEqual({
      keepOldMs: 36 * 3_600_000,
      stopWriters: 'systemctl stop api',
      startWriters: null,
    });
  });

  test('an unknown profile is reported with a suggestion and a list', async () => {
    const error = await loadSettings(withConfig(TWO, { flags: { profile: 'pord' } })).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'E_PROFILE_NOT_FOUND', why: { profiles: 'prod, staging' } });
    expect((error as PotctlError).fix[0]).toEqual(advice`did you mean ${again('-p', 'prod')}?`);
  });

  test('names of built-in object properties are not profiles', async () => {
    for (const profile of ['__proto__', 'constructor', 'toString'])
      await expect(loadSettings(withConfig(TWO, { flags: { profile } }))).rejects.toMatchObject({
        code: 'E_PROFILE_NOT_FOUND',
      });
  });

  test('a flag outranks POTCTL_*, which outranks the profile, each with its origin', async () => {
    const from = async (more: Partial<SettingsRequest>): Promise<string> => {
      const { files, origins } = await loadSettings(
        withConfig(TWO, { ...more, flags: { profile: 'prod', ...more.flags } }),
      );
      return `${files?.path} ${origins.find(({ key }) => key === 'files.path')?.from.replace(/^.*\//, '')}`;
    };
    const environment = { POTCTL_FILES: '/by/env' };
    expect(await from({ flags: { files: '/by/flag' }, environment })).toBe('/by/flag flag --files');
    expect(await from({ environment })).toBe('/by/env env POTCTL_FILES');
    expect(await from({})).toMatch(/home\/storage config-\d+\.yaml:7$/);
  });
});

describe('repositories', () => {
  const repositories = async (repository: string) =>
    (await loadSettings(withConfig(TWO, { flags: { profile: 'prod', repository } }))).repositories.map(
      ({ name }) => name,
    );

  test('the named one comes first, by key, path or s3 URL', async () => {
    expect(await repositories('offsite')).toEqual(['offsite', 'local']);
    expect(await repositories('./here')).toEqual(['./here', 'local', 'offsite']);
    expect(await repositories('s3://other/place')).toEqual(['s3://other/place', 'local', 'offsite']);
  });

  test('a misspelled key does not create a new, empty directory', async () => {
    await expect(repositories('ofsite')).rejects.toMatchObject({
      code: 'E_CONFIG',
      fix: expect.arrayContaining([advice`did you mean ${again('--repository', 'offsite')}?`]),
    });
  });
});

describe('a feature that this version lacks is refused, never ignored', () => {
  test.each([
    ['backup create', 'files: { path: /srv, engine: incremental }', 'incremental'],
    ['backup create', 'encryption: { recipients: [age1qqqqqqqqqqqqqqqq] }', 'encrypted backups'],
    ['restore run', 'guards: { protected: [restore] }', 'guard'],
  ])('%s with %s', async (command, line, word) => {
    const { refusals } = await loadSettings(
      withConfig(`profiles: { prod: { ${line} } }`, { flags: { profile: 'prod' } }),
    );
    const made = async (as: string): Promise<unknown> => {
      refuseProtected(refusals, as);
      return refuseMissingFeatures(refusals, as);
    };
    const error = await made(command).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'E_CONFIG' });
    expect(JSON.stringify(error)).toContain(word);
    await expect(made('backup list')).resolves.toBeDefined();
  });
});
