import { expect, test } from 'vitest';
import { toToolError } from '../../src/postgres/tool-errors.js';
import { adviceText } from '../support/advice.js';

const END = { ok: false, exitCode: 1, signal: null, cancelled: false, startError: null };
const failed = (...lines: string[]) => toToolError('pg_dump', { ...END, stderrTail: lines });

test('a lock table that is full is told as such, and not as somebody who holds a table', () => {
  const error = failed(
    'pg_dump: error: query failed: ERROR:  out of shared memory',
    'pg_dump: error: could not obtain lock on relation "public.t7"',
  );

  expect(error.code).toBe('E_UNFIT');
  expect(error.fix.map(adviceText).join()).toContain('max_locks_per_transaction');
});

test('where a worker of pg_dump says only that it got no lock, both reasons are named', () => {
  const error = failed('pg_dump: error: could not obtain lock on relation "public.t7"');

  expect(error.code).toBe('E_DB_LOCKED');
  const fix = error.fix.map(adviceText);
  expect(fix).toEqual([expect.stringContaining('long transactions'), expect.stringContaining('potctl doctor')]);
});

test('a lock that was waited for in vain has one reason', () => {
  expect(failed('ERROR:  canceling statement due to lock timeout').fix).toHaveLength(1);
});
