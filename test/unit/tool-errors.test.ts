import { expect, test } from 'vitest';
import { toToolError } from '../../src/postgres/tool-errors.js';
import { adviceText } from '../support/advice.js';

const END = { ok: false, exitCode: 1, signal: null, canceled: false, startError: null };
const failed = (...lines: string[]) => toToolError('pg_dump', { ...END, stderrTail: lines });

test('a full lock table is reported as such, and not as a lock held by another session', () => {
  const error = failed(
    'pg_dump: error: query failed: ERROR:  out of shared memory',
    'pg_dump: error: could not obtain lock on relation "public.t7"',
  );

  expect(error.code).toBe('E_UNFIT');
  expect(error.fix.map(adviceText).join()).toContain('max_locks_per_transaction');
});

test('if a worker of pg_dump reports only that it got no lock, both possible causes are named', () => {
  const error = failed('pg_dump: error: could not obtain lock on relation "public.t7"');

  expect(error.code).toBe('E_DB_LOCKED');
  const fix = error.fix.map(adviceText);
  expect(fix).toEqual([expect.stringContaining('long transactions'), expect.stringContaining('potctl doctor')]);
});

test('a lock timeout has a single cause', () => {
  expect(failed('ERROR:  canceling statement due to lock timeout').fix).toHaveLength(1);
});
