import type { DumpRequest } from '../../src/dump/request.js';
import { silent } from '../../src/kernel/progress.js';
import { temporaryFolder } from './tree.js';

/** What `backup create` would ask for, into a temporary folder. */
export async function dumpRequest(change: Partial<DumpRequest> = {}): Promise<DumpRequest> {
  return {
    folder: await temporaryFolder(),
    jobs: 2,
    rows: 'exact',
    lockWaitMs: 10_000,
    references: null,
    signal: new AbortController().signal,
    progress: silent,
    ...change,
  };
}
