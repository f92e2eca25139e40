import { expect, test } from 'vitest';
import type { Settings } from '../../src/config/settings.js';
import { completeHost } from '../../src/host/host.js';
import { type RestoreOptions, restoreRequest } from '../../src/restore/requests.js';

const settings = {
  profile: { name: 'prod', environment: 'production', onCommandLine: true },
  connection: { database: 'app' },
  expect: { systemIdentifier: null },
  files: null,
  restore: { keepOldMs: 1, stopWriters: 'systemctl stop api', startWriters: 'systemctl start api' },
} as unknown as Settings;

function requestOf(options: Partial<RestoreOptions>) {
  const nothing = { fromSet: undefined, only: undefined, into: undefined, intoFiles: undefined, jobs: undefined };
  const hooks = { stopWriters: undefined, startWriters: undefined, keepOld: undefined };
  const all: RestoreOptions = {
    id: 'latest',
    mode: 'swap',
    createRoles: false,
    continuePastErrors: false,
    safetyBackup: false,
    accept: [],
    ...nothing,
    ...hooks,
    ...options,
  };
  return restoreRequest(settings, all, completeHost({ environment: {} }));
}

test('a restore with --mode new stops no writers', () => {
  expect(requestOf({}).stopWriters).toBe('systemctl stop api');
  expect(requestOf({ mode: 'new', into: 'app_new' }).stopWriters).toBeNull();
  expect(() => requestOf({ mode: 'new', into: 'app_new', stopWriters: 'true' })).toThrow('--stop-writers');
});

test.each(['', 'a'.repeat(64), 'é'.repeat(32), 'a\0b'])('an invalid database name is refused: %j', (into) => {
  expect(() => requestOf({ mode: 'new', into })).toThrow('--into');
});
