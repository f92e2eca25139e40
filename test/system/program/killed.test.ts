import { expect, test } from 'vitest';
import { planPoints } from '../../bench/kill/points.js';
import { type PointResult, sweep } from '../../bench/kill/sweep.js';
import { POTCTL } from '../../support/run-cli.js';

test('kill -9 of potctl or its tool at 4 moments leaves everything wholly old or wholly new', async () => {
  const results: PointResult[] = [];
  await sweep(POTCTL, planPoints(4, 20_261_122, ['create', 'restore']), (result) => results.push(result));

  expect(results.filter(({ broken }) => broken.length > 0)).toEqual([]);
  // A sweep that comes too late each time would prove nothing.
  expect(results.filter(({ outcome }) => outcome === 'killed').length).toBeGreaterThan(1);
}, 300_000);
