import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { composeConfiguration, writeConfiguration } from '../../src/config/init.js';
import { loadSettings } from '../../src/config/load.js';
import type { SettingsRequest } from '../../src/config/request.js';
import { validateConfiguration } from '../../src/config/validate.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'potctl-init-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const asked = (change: Partial<SettingsRequest>): SettingsRequest => ({
  ...{ flags: {}, environment: {}, homeDirectory: path.join(folder, 'home'), userName: 'root', cwd: folder },
  ...{ systemFile: path.join(folder, 'none.yaml') },
  ...change,
});

test('the first file contains the values of flags and variables, is valid, and is used afterwards', async () => {
  const environment = { PGHOST: '/run/pg', PGPORT: '5433', PGUSER: 'o"dd: {user}', PGDATABASE: 'my app' };
  const flags = { profile: 'prod', files: 'storage', repository: 'my backups' };
  const made = await composeConfiguration(asked({ environment, flags }), undefined);
  await writeConfiguration(made);

  expect(made.file).toBe(path.join(folder, 'home/.config/potctl/config.yaml'));
  expect(statSync(made.file).mode & 0o777).toBe(0o600);
  expect((await validateConfiguration(asked({}))).problems).toEqual([]);
  const settings = await loadSettings(asked({}));
  expect(settings).toMatchObject({
    profile: { name: 'prod', environment: 'production' },
    connection: { host: '/run/pg', port: 5433, user: 'o"dd: {user}', database: 'my app' },
    files: { path: path.join(folder, 'storage') },
    repositories: [{ name: 'local', path: path.join(folder, 'my backups') }],
  });
});

test('a missing value appears as a comment with an example, and the file is valid', async () => {
  const file = path.join(folder, 'bare.yaml');
  await writeConfiguration(await composeConfiguration(asked({ flags: { config: file } }), 'development'));
  expect(readFileSync(file, 'utf8')).toMatch(/^ {4}# files: \{ path: .*\n {4}# repositories: /m);
  expect((await validateConfiguration(asked({ flags: { config: file } }))).problems).toEqual([]);
});

test('an existing file is never changed', async () => {
  const file = path.join(folder, 'bare.yaml');
  const before = readFileSync(file, 'utf8');
  const made = await composeConfiguration(asked({ flags: { config: file } }), 'staging');
  await expect(writeConfiguration(made)).rejects.toMatchObject({ code: 'E_REFUSED' });
  expect(readFileSync(file, 'utf8')).toBe(before);
});
