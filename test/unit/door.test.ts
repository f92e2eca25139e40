import { expect, test } from 'vitest';
import { openPotctl } from '../../src/index.js';

test('who takes backups gets no more than the use cases of backups, and always the same', async () => {
  const potctl = openPotctl({ environment: {} });
  const backup = await potctl.backup();
  const use = ['create', 'files', 'import', 'list', 'pin', 'prune', 'show', 'unpin', 'verify'];
  expect(Object.keys(backup).sort()).toEqual(use);
  expect(await potctl.backup()).toBe(backup);
});
