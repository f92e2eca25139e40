import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { LAYOUT } from '../../src/repository/format.js';
import { openOnStorage } from '../../src/repository/on-storage.js';
import { openRepository } from '../../src/repository/open.js';
import { openDirectory } from '../../src/storage/directory/directory.js';
import { openMemory } from '../../src/storage/memory.js';
import type { Storage } from '../../src/storage/storage.js';
import { repositoryContract } from '../contract/repository.js';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'potctl-repository-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

repositoryContract('a directory', async () => {
  count += 1;
  const location = { name: 'local', path: path.join(folder, `r${count}`) };
  const host = await readHostIdentity(process.pid);
  const times = { heartbeatMs: 200, silenceMs: 60_000, pollMs: 20 };
  return {
    open: () => openRepository(location, { clock: systemClock, host, operator: 'ana@ops1', times }),
    storage: () => openDirectory(location.path, LAYOUT),
  };
});

repositoryContract('memory', async () => {
  count += 1;
  const memory = { isThere: false, values: new Map(), folder: path.join(folder, `m${count}`), clock: systemClock };
  const host = await readHostIdentity(process.pid);
  const times = { heartbeatMs: 200, silenceMs: 60_000, pollMs: 20 };
  const storage = async (): Promise<Storage> => openMemory(memory, LAYOUT);
  return {
    open: async () =>
      openOnStorage('memory', await storage(), { clock: systemClock, host, operator: 'ana@ops1', times }),
    storage,
  };
});
