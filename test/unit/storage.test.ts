import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { openDirectory } from '../../src/storage/directory/directory.js';
import { openMemory } from '../../src/storage/memory.js';
import { LAYOUT, storageContract } from '../contract/storage.js';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'potctl-storage-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

storageContract('a directory', async () => {
  count += 1;
  const location = path.join(folder, `d${count}`);
  return { open: () => openDirectory(location, LAYOUT) };
});

storageContract('memory', async () => {
  count += 1;
  const memory = { isThere: false, values: new Map(), folder: path.join(folder, `m${count}`), clock: systemClock };
  return { open: async () => openMemory(memory, LAYOUT) };
});
