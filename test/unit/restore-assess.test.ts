import { expect, test } from 'vitest';
import type { SettledPart } from '../../src/catalog/manifest.js';
import { type AssessRequest, assessDatabase } from '../../src/restore/plan/assess.js';
import type { ObservedServer } from '../../src/restore/plan/observe-server.js';
import { adviceText } from '../support/advice.js';

const part = {
  server: { version: '15.4', version_num: 150_004 },
  properties: { settings: [], security_labels: [] },
} as unknown as SettledPart;

const good: ObservedServer = {
  ...{ versionNum: 150_018, version: '15.18', systemIdentifier: '7', inRecovery: false, freeBytes: 1_000 },
  role: { name: 'ops', superuser: true, createDatabase: true },
  database: null,
  ...{ takenNames: [], missingRoles: [], foreignOwners: [], extensions: [] },
  ...{ missingTablespaces: [], deniedTablespaces: [] },
};
const plain = { ...good, role: { name: 'ops', superuser: false, createDatabase: true } };
const request: AssessRequest = {
  ...{ mode: 'swap', target: 'app', expectedSystemIdentifier: null, createRoles: false, accept: [] },
  ...{ neededBytes: 500, superuserEntries: [] },
};
const extension = { name: 'postgis', version: '3.3', available: true, versionAvailable: true, mayCreate: true };

test('a suitable server has no blockers', () => {
  expect(assessDatabase(part, good, request)).toEqual({ blocking: [], warnings: [] });
});

test.each<[string, ObservedServer, Partial<AssessRequest>, string, RegExp]>([
  ['a standby', { ...good, inRecovery: true }, {}, 'E_BLOCKED', /standby/],
  [
    'an older server',
    { ...good, versionNum: 140_010, version: '14.10' },
    {},
    'E_BLOCKED',
    /14\.10, older than .* 15\.4/,
  ],
  ['another server', good, { expectedSystemIdentifier: '8' }, 'E_WRONG_TARGET', /expects 8/],
  [
    'a server with an unreadable system identifier',
    { ...good, systemIdentifier: null },
    { expectedSystemIdentifier: '8' },
    'E_WRONG_TARGET',
    /not readable by this role/,
  ],
  ['too little space', { ...good, freeBytes: 499 }, {}, 'E_NO_SPACE', /499/],
  ['a missing tablespace', { ...good, missingTablespaces: ['fast'] }, {}, 'E_BLOCKED', /"fast" does not exist/],
  ['a tablespace without privileges', { ...plain, deniedTablespaces: ['fast'] }, {}, 'E_BLOCKED', /tablespace "fast"/],
  ['a maintenance database', good, { target: 'postgres' }, 'E_BLOCKED', /connects to during the swap/],
  [
    'an extension that is not installed',
    { ...good, extensions: [{ ...extension, available: false }] },
    {},
    'E_BLOCKED',
    /"postgis" is not installed/,
  ],
  [
    'an untrusted extension',
    { ...plain, extensions: [{ ...extension, mayCreate: false }] },
    {},
    'E_BLOCKED',
    /only a superuser/,
  ],
  [
    'a role without CREATEDB',
    { ...plain, role: { ...plain.role, createDatabase: false } },
    {},
    'E_BLOCKED',
    /may not create databases/,
  ],
  [
    'roles to create as a plain role',
    { ...plain, missingRoles: ['x'] },
    { createRoles: true },
    'E_BLOCKED',
    /cannot create roles/,
  ],
])('%s blocks', (_, server, change, code, text) => {
  const { blocking } = assessDatabase(part, server, { ...request, ...change });
  expect(blocking.map((one) => ({ ...one, fix: one.fix.map(adviceText) }))).toMatchObject([
    { code, text: expect.stringMatching(text), fix: expect.arrayContaining([expect.stringMatching(/./)]) },
  ]);
});

test('a newer server, another extension version and unknown free space lead to warnings, not blockers', () => {
  const server = {
    ...good,
    ...{ versionNum: 170_002, freeBytes: null, missingRoles: ['app'] },
    extensions: [{ ...extension, versionAvailable: false }],
  };
  const { blocking, warnings } = assessDatabase(part, server, { ...request, createRoles: true });
  expect(blocking).toEqual([]);
  expect(warnings).toEqual([
    expect.stringContaining('"app"'),
    expect.stringContaining('"postgis" had version 3.3'),
    expect.stringContaining('free disk space'),
  ]);
});

test('no advice makes a role a member of a superuser or of a predefined role', () => {
  const owners = [
    { name: 'postgres', powerful: true },
    { name: 'app', powerful: false },
  ];
  const session = { pid: 7, user: 'x', application: 'y', state: 'idle', mayEnd: false };
  const database = {
    ...{ oid: 1, bytes: 1, owned: true, template: false, connectable: true, preparedTransactions: [], bindings: [] },
    sessions: [session],
  };
  const { blocking } = assessDatabase(part, { ...plain, foreignOwners: owners, database }, request);

  const fixes = blocking.flatMap(({ fix }) => fix.map(adviceText));
  expect(fixes.filter((fix) => fix.startsWith('GRANT'))).toEqual(['GRANT "app" TO "ops";']);
  expect(fixes.join('\n')).toContain('SELECT pg_terminate_backend(7);');
  expect(fixes.join('\n')).not.toMatch(/grant.*(postgres|pg_)/i);
});
