import { expect, test } from 'vitest';
import { openPotctl } from '../../src/index.js';

test('the backup domain exposes only its use cases, and always the same object', async () => {
  const potctl = openPotctl({ environment: {} });
  const backup = await potctl.backup();
  const use = ['create', 'files', 'import', 'list', 'pin', 'prune', 'show', 'unpin', 'verify'];
  expect(Object.keys(backup).sort()).toEqual(use);
  expect(await potctl.backup()).toBe(backup);
});
