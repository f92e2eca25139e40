import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { runPrune } from '../../src/backup/prune.js';
import type { PruneDeps } from '../../src/backup/prune-plan.js';
import { planPrune } from '../../src/backup/prune-plan.js';
import { systemClock } from '../../src/kernel/clock.js';
import { PotctlError } from '../../src/kernel/errors.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { createDraft } from '../../src/repository/draft.js';
import { LAYOUT } from '../../src/repository/format.js';
import { openRepository } from '../../src/repository/open.js';
import { withRecordsApart } from '../../src/repository/records-apart.js';
import type { Lease, Repository } from '../../src/repository/repository.js';
import { openJournal } from '../../src/runs/journal.js';
import { readRuns } from '../../src/runs/record.js';
import { openDirectory } from '../../src/storage/directory/directory.js';
import { published, request } from '../contract/repository.js';
import { openedAt, publishOld } from '../support/old-backups.js';
import { temporaryFolder } from '../support/tree.js';
import { NO_RULES } from './retention-samples.js';
import { finishedRun } from './run-samples.js';

const ID = '20261122T095106Z-7f3a9c';

let folder: string;
beforeEach(async () => {
  folder = path.join(await temporaryFolder(), 'repository');
});

/** A lease that is lost after so many looks at it. */
function leaseLostAfter(looks: number): Lease {
  let seen = 0;
  return {
    async assertHeld() {
      seen += 1;
      if (seen > looks) throw new PotctlError('E_LOCKED', 'lost');
    },
    release: async () => {},
  };
}

/** A repository whose holder is dead to everybody else. */
async function openedByDead(): Promise<Repository> {
  const host = { ...(await readHostIdentity(process.pid)), startTime: '1' };
  return openRepository({ name: 'r', path: folder }, { clock: systemClock, host, operator: 'tester@here' });
}

describe('who lost the lock of the repository', () => {
  test('while the bytes of a backup were synced does not publish it, and leaves nothing', async () => {
    const storage = await openDirectory(folder, LAYOUT);
    await storage.create();
    const { assertHeld } = leaseLostAfter(1);
    const draft = await createDraft({ storage, assertHeld }, ID);
    await writeFile(path.join(draft.folder, 'files.tar'), 'archive');
    await expect(draft.publish('{}\n')).rejects.toMatchObject({ code: 'E_LOCKED' });
    expect(await readdir(path.join(folder, 'backups'))).toEqual([]);
  });

  test('removes no backup any more', async () => {
    const old = await openedByDead();
    await published(old, ID);
    const lost = await old.lock(request());
    const lease = await (await openedAt(folder)).lock(request());
    await expect(old.remove(ID, 'retention')).rejects.toMatchObject({ code: 'E_LOCKED' });
    expect(await old.list()).toEqual([ID]);
    await lost.release();
    await lease.release();
  });

  test('stops a prune at once, and says how many backups are gone', async () => {
    const repository = await openedAt(folder);
    const ids = await publishOld(repository, [1, 10, 20, 30]);
    const deps = pruneDeps(repository);
    const policy = { rules: { ...NO_RULES, last: 1 }, zone: 'UTC', maxRemove: 10 };
    const at = { profile: 'prod', database: null, filesPath: null };
    const plan = (): ReturnType<typeof planPrune> => planPrune(deps, policy, { at, fromSet: null, allSets: true });
    const losing = { ...repository, lock: async () => leaseLostAfter(1) };
    const pruning = runPrune({ ...deps, repository: losing }, { plan, runId: 'r1', waitMs: 0 }, await plan());
    await expect(pruning).rejects.toMatchObject({ code: 'E_LOCKED', changed: 'partial' });
    expect(await repository.list()).toEqual(ids.slice(0, 3).sort());
  });

  test('writes no state of a run any more', async () => {
    const repository = await openedAt(folder);
    await expect(openJournal(repository, leaseLostAfter(0), finishedRun())).rejects.toMatchObject({ code: 'E_LOCKED' });
    expect(await repository.exists()).toBe(false);
    const journal = await openJournal(repository, leaseLostAfter(1), finishedRun({ step: 'staging' }));
    await expect(journal.update({ step: 'swapping' })).rejects.toMatchObject({ code: 'E_LOCKED' });
    expect(await readRuns(repository)).toMatchObject([{ step: 'staging' }]);
  });

  test('does not hold it, either, where only the lock of the records kept apart was lost', async () => {
    const repository = await openedAt(folder);
    await repository.putDocument('restores/r1.json', '{}');
    const place = `${folder}-apart`;
    const apart = await openedAt(place);
    await apart.putDocument('restores/r2.json', '{}');
    for (const lost of ['here', 'apart'] as const) {
      const losing = (one: Repository, isLost: boolean): Repository =>
        isLost ? { ...one, lock: async () => leaseLostAfter(0) } : one;
      const both = withRecordsApart(
        losing(repository, lost === 'here'),
        { folder: place, open: async () => losing(apart, lost === 'apart') },
        false,
      );
      const lease = await both.lock(request());
      await expect(lease.assertHeld()).rejects.toMatchObject({ code: 'E_LOCKED' });
      await lease.release();
    }
  });
});

function pruneDeps(repository: Repository): PruneDeps {
  const { signal } = new AbortController();
  return { repository, clock: systemClock, signal, restoring: async () => new Map(), clockOffMs: async () => 0 };
}
