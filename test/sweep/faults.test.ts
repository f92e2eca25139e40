import { expect, test } from 'vitest';
import { OPERATIONS, describe as told } from '../bench/faults/points.js';
import { type PointResult, sweep } from '../bench/faults/sweep.js';
import { POTCTL } from '../support/run-cli.js';

const SEED = 20_261_123;

test('a tool or a file-system call that fails, at 20 places, ends in an error and leaves nothing half done', async (context) => {
  const results: PointResult[] = [];

  const left = await sweep({
    binary: POTCTL,
    operations: OPERATIONS,
    count: 20,
    seed: SEED,
    onPoint: (result) => results.push(result),
  });

  const broken = results.filter((result) => result.broken.length > 0);
  expect(broken.map(({ point, broken: texts }) => [told(point), ...texts])).toEqual([]);
  // A sweep whose faults never come would prove nothing.
  expect(results.filter(({ outcome }) => outcome === 'failed').length).toBeGreaterThan(6);
  if (left !== null) context.annotate(`file-system calls were left out: ${left}`);
}, 600_000);
