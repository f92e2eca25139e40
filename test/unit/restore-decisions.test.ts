import { describe, expect, test } from 'vitest';
import { parseSetval } from '../../src/restore/database/definitions.js';
import { roleStatements, rolesToCreate } from '../../src/restore/database/roles.js';
import { writesSince } from '../../src/restore/database/writes.js';
import { decisiveBlocker } from '../../src/restore/plan/assess.js';
import { chooseRun } from '../../src/restore/plan/choose-run.js';
import { estimateMs } from '../../src/restore/plan/estimate.js';
import { isSwapped } from '../../src/runs/database/facts.js';
import { keptDatabaseName, stagedDatabaseName } from '../../src/runs/names.js';
import { parseRecord, type RunRecord } from '../../src/runs/record.js';

const run = (change: Partial<RunRecord>): RunRecord => ({
  ...{ schema: 'potctl.restore', schema_version: '1.0', run_id: 'r1', trace_id: '', operator: '', hostname: '' },
  ...{ kind: 'restore', mode: 'swap', set: 's', backup: 'b', undoes: null, undone_by: null, state: 'done' },
  ...{ step: 'swapped', started_at: '2026-01-01T00:00:00.000Z', finished_at: null, keep_old_ms: 0, undo_until: null },
  ...{ database: null, files: null, created_roles: [], writers_stopped: false, restored: null, phases: [] },
  ...{ downtime_ms: null, source_bytes: 0, written: null, error: null },
  ...change,
});

test('database names contain the run id and have at most 63 bytes, cut between characters', () => {
  const name = 'é'.repeat(31);
  for (const made of [stagedDatabaseName(name, '5t2m8q3f7k'), keptDatabaseName(name, '5t2m8q3f7k')]) {
    expect(Buffer.byteLength(made)).toBeLessThanOrEqual(63);
    expect(made).toMatch(/^é+_(restore|before)_5t2m8q3f7k$/);
  }
  expect(keptDatabaseName('app', 'r1')).toBe('app_before_r1');
});

describe('whether a swap happened is decided by oids, never by names', () => {
  const move = {
    system_identifier: null,
    name: 'app',
    outgoing: { oid: 1, kept_as: 'app_before' },
    incoming: { oid: 2, staged_as: 'app_restore' },
  };
  test.each([
    ['swapped', move, { liveOid: 2, stagedOid: null, keptOid: 1 }, true],
    ['not yet', move, { liveOid: 1, stagedOid: 2, keptOid: null }, false],
    [
      'nothing was created',
      { ...move, incoming: { oid: null, staged_as: 'x' } },
      { liveOid: 1, stagedOid: null, keptOid: null },
      false,
    ],
    ['somebody else has the name', move, { liveOid: 3, stagedOid: 2, keptOid: 1 }, false],
    [
      'a missing database was created',
      { ...move, outgoing: null },
      { liveOid: 2, stagedOid: null, keptOid: null },
      true,
    ],
    [
      'an undo took the created one away',
      { ...move, incoming: null },
      { liveOid: null, stagedOid: null, keptOid: 1 },
      true,
    ],
    ['that undo had not happened', { ...move, incoming: null }, { liveOid: 1, stagedOid: null, keptOid: null }, false],
  ])('%s', (_, moved, facts, swapped) => expect(isSwapped(moved, facts)).toBe(swapped));
});

describe('missing roles', () => {
  const globals = `\\restrict x
CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:a''b';
CREATE ROLE "A b";
ALTER ROLE "A b" WITH NOLOGIN;
-- User Configurations of "o'brien"
ALTER ROLE app SET search_path TO 'a', 'b';
COMMENT ON ROLE app IS 'two
lines; of it''s own';
ALTER ROLE "o'brien" SET work_mem TO '1GB';
GRANT readers TO app GRANTED BY postgres;
GRANT app TO existing GRANTED BY postgres;
GRANT "A b" TO app WITH ADMIN OPTION GRANTED BY "p q";
GRANT staff TO readers GRANTED BY postgres;
CREATE ROLE torn;
ALTER ROLE torn WITH LOGIN PASSWORD 'first
lin`;

  test('are created with their attributes and memberships, and existing roles are never changed', () => {
    expect(roleStatements(globals, ['app'])).toEqual({
      needed: [
        'CREATE ROLE "app";',
        `ALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:a''b';`,
        'GRANT readers TO app;',
        'GRANT "A b" TO app WITH ADMIN OPTION;',
      ],
      optional: [`ALTER ROLE app SET search_path TO 'a', 'b';`, `COMMENT ON ROLE app IS 'two\nlines; of it''s own';`],
    });
    expect(roleStatements(globals, ['A b'])).toEqual({
      needed: ['CREATE ROLE "A b";', 'ALTER ROLE "A b" WITH NOLOGIN;'],
      optional: [],
    });
    expect(roleStatements(globals, ["o'brien"]).optional).toEqual([`ALTER ROLE "o'brien" SET work_mem TO '1GB';`]);
  });

  test('include the missing roles that they are members of, and no others', () => {
    const lacks = (...missing: string[]) => rolesToCreate(globals, ['app'], (role) => missing.includes(role));
    expect(lacks('app', 'readers', 'staff', 'torn')).toEqual(['app', 'readers', 'staff']);
    expect(lacks('app', 'staff')).toEqual(['app']);
    expect(lacks('readers', 'staff')).toEqual([]);
  });

  test('cannot log in if the globals describe them incompletely', () => {
    expect(roleStatements(globals, ['torn', 'unknown'])).toEqual({
      needed: ['CREATE ROLE "torn" NOLOGIN;', 'CREATE ROLE "unknown" NOLOGIN;'],
      optional: [],
    });
    expect(roleStatements('', ['x;y']).needed).toEqual(['CREATE ROLE "x;y" NOLOGIN;']);
  });
});

describe('the run to undo', () => {
  const runs = [
    run({ run_id: 'aa1', state: 'undone', undone_by: 'aa2' }),
    run({ run_id: 'aa2', kind: 'undo', set: 's' }),
    run({ run_id: 'bb1', set: 'other' }),
    run({ run_id: 'cc1', state: 'running' }),
    run({ run_id: 'dd1', mode: 'new' }),
  ];

  test('is the newest of the series that can be undone, or the named one', () => {
    expect(chooseRun(runs, [], null, ['s']).run_id).toBe('aa2');
    expect(chooseRun(runs, [], 'bb', []).run_id).toBe('bb1');
  });

  test('may be one that was killed after its swap', () => {
    expect(chooseRun(runs, ['cc1'], null, ['s']).run_id).toBe('cc1');
  });

  test.each([
    ['aa', 'E_RUN_NOT_FOUND'],
    ['zz', 'E_RUN_NOT_FOUND'],
    ['aa1', 'E_REFUSED'],
    ['cc1', 'E_REFUSED'],
    ['dd1', 'E_REFUSED'],
  ])('is refused: %s', (wanted, code) => {
    expect(() => chooseRun(runs, [], wanted, [])).toThrow(expect.objectContaining({ code }));
  });

  test('is not found if the series has none', () => {
    expect(() => chooseRun(runs, [], null, ['empty'])).toThrow(expect.objectContaining({ code: 'E_RUN_NOT_FOUND' }));
  });
});

test('the estimate comes from the newest finished restore of the series, scaled by size', () => {
  const phases = [
    { name: 'a', ms: 600 },
    { name: 'b', ms: 400 },
  ];
  const runs = [run({ phases, source_bytes: 100 }), run({ phases, source_bytes: 100, state: 'failed' })];
  expect(estimateMs(runs, 's', 250)).toBe(2_500);
  expect(estimateMs(runs, 'other', 250)).toBeNull();
});

test('rows written since a run are unknown if the counters were reset', () => {
  const baseline = { inserted: 5, updated: 1, deleted: 0, stats_reset: null };
  expect(writesSince(baseline, { ...baseline, inserted: 9, deleted: 1 })).toBe(5);
  expect(writesSince(baseline, { ...baseline, inserted: 0 })).toBeNull();
  expect(writesSince(baseline, { ...baseline, stats_reset: '2026-01-01T00:00:00Z' })).toBeNull();
  expect(writesSince(null, baseline)).toBeNull();
});

test('a wrong server outranks damage, damage outranks space, and space outranks the rest', () => {
  const blocker = (code: 'E_BLOCKED' | 'E_NO_SPACE' | 'E_BACKUP_CORRUPT') => ({ code, text: code, fix: [] });
  const blocking = [blocker('E_BLOCKED'), blocker('E_NO_SPACE'), blocker('E_BACKUP_CORRUPT')];
  expect(decisiveBlocker(blocking)?.code).toBe('E_BACKUP_CORRUPT');
  expect(decisiveBlocker([blocker('E_BLOCKED')])?.code).toBe('E_BLOCKED');
  expect(decisiveBlocker([])).toBeUndefined();
});

test('a truncated or foreign record is no run', () => {
  expect(parseRecord(JSON.stringify(run({})))?.run_id).toBe('r1');
  expect(parseRecord(JSON.stringify(run({})).slice(0, -5))).toBeUndefined();
  expect(parseRecord('{"schema":"other","run_id":"x","schema_version":"1.0"}')).toBeUndefined();
  expect(parseRecord('null')).toBeUndefined();
});

test('sequence positions are read from the dump, even with odd names', () => {
  expect(parseSetval(`SELECT pg_catalog.setval('public."It''s ""S"""', -7, false);`)).toEqual([
    { name: 'public."It\'s ""S"""', value: '-7', called: false },
  ]);
  expect(parseSetval(`SELECT pg_catalog.setval('a', 1, true); drop table x;`)).toEqual([]);
});
