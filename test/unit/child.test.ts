import { chmod } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startChild } from '../../src/kernel/child.js';
import { temporaryFolder } from '../support/tree.js';

test('a program starts although its user may not enter the current directory', async () => {
  const [folder, before] = [await temporaryFolder(), process.cwd()];
  process.chdir(folder);
  await chmod(folder, 0);
  const isRoot = process.geteuid?.() === 0;
  // No mode binds root.
  if (isRoot) process.seteuid!(65_534);
  onTestFinished(async () => {
    if (isRoot) process.seteuid!(0);
    process.chdir(before);
    await chmod(folder, 0o700);
  });

  const { stdout, ended } = startChild('/bin/pwd', [], { environment: { PATH: '/usr/bin:/bin' } });
  const [printed, end] = await Promise.all([stdout.toArray(), ended]);

  expect(end).toMatchObject({ ok: true, startError: null });
  expect(String(printed)).toBe('/\n');
});
