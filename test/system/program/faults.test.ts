import { expect, test } from 'vitest';
import { describe } from '../../bench/faults/points.js';
import { type PointResult, sweep } from '../../bench/faults/sweep.js';
import { POTCTL } from '../../support/run-cli.js';

test('a tool or a file-system call that fails, at 4 places, ends in an error and leaves nothing half done', async (context) => {
  const results: PointResult[] = [];
  const request = { binary: POTCTL, operations: ['create', 'restore'] as const, count: 4, seed: 20_261_123 };

  const left = await sweep({ ...request, onPoint: (result) => results.push(result) });

  const broken = results.filter((result) => result.broken.length > 0);
  expect(broken.map(({ point, broken: texts }) => [describe(point), ...texts])).toEqual([]);
  // A sweep whose faults never come would prove nothing.
  expect(results.filter(({ outcome }) => outcome === 'failed').length).toBeGreaterThan(0);
  if (left !== null) context.annotate(`file-system calls were left out: ${left}`);
}, 300_000);
