import { expect, test } from 'vitest';
import { planPoints } from '../bench/kill/points.js';
import { type PointResult, sweep } from '../bench/kill/sweep.js';
import { POTCTL } from '../support/run-cli.js';

test('kill -9 of potctl, its tools or the server at 20 moments leaves everything wholly old or wholly new', async () => {
  const results: PointResult[] = [];
  await sweep(POTCTL, planPoints(20, 20_261_122), (result) => results.push(result));

  expect(results.filter(({ broken }) => broken.length > 0)).toEqual([]);
  // A sweep that comes too late each time would prove nothing.
  expect(results.filter(({ outcome }) => outcome === 'killed').length).toBeGreaterThan(12);
}, 600_000);
