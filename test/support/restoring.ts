import path from 'node:path';
import type { CreateOptions } from '../../src/backup/create-request.js';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import type { Server } from '../../src/postgres/server.js';
import { openRepository } from '../../src/repository/open.js';
import type { Repository } from '../../src/repository/repository.js';
import type { ListedRun } from '../../src/restore/list.js';
import type { RunOptions } from '../../src/restore/open.js';
import type { JudgedPlan } from '../../src/restore/plan/plan-restore.js';
import type { UndoPlan } from '../../src/restore/plan/prepare-undo.js';
import type { RestoreResult } from '../../src/restore/run.js';
import type { UndoResult } from '../../src/restore/undo.js';
import { type TestParts, testPotctl } from './host.js';
import { temporaryFolder } from './tree.js';

/** A database and optionally a tree, with the repository of their backups. */
export interface Target extends TestParts {
  readonly server: Server;
  readonly repository: Repository;
}

/** An empty repository in a temporary folder. */
export async function testRepository(): Promise<Repository> {
  const place = path.join(await temporaryFolder(), 'repository');
  const host = await readHostIdentity(process.pid);
  return openRepository({ name: 'test', path: place }, { clock: systemClock, host, operator: 'tester@here' });
}

/** The settings of a target with this tree. */
export const withTree = (path: string) => ({ settings: { files: { path, engine: 'archive', excludes: [] } as const } });

/** Backs up the target without verification, which has its own tests; returns the backup's id. */
export async function backUp(parts: TestParts, options: Partial<CreateOptions> = {}): Promise<string> {
  const backup = await testPotctl(parts).backup();
  const prepared = await backup.create({ jobs: 2, verify: 'none', ...options });
  return (await prepared.apply()).id!;
}

/** Defaults of tests: restore the newest backup, keep previous data for an hour. */
const OPTIONS = { id: 'latest', jobs: 2, keepOld: 3_600_000 };

/** Plans a restore and runs it. */
export async function restore(parts: TestParts, options: Partial<RunOptions> = {}): Promise<RestoreResult> {
  const prepared = await (await testPotctl(parts).restore()).run({ ...OPTIONS, ...options });
  return (await prepared.apply()) as RestoreResult;
}

/** Plans a restore only. */
export async function plan(parts: TestParts, options: Partial<RunOptions> = {}): Promise<JudgedPlan> {
  return (await (await testPotctl(parts).restore()).plan({ ...OPTIONS, ...options })) as JudgedPlan;
}

/** Plans an undo only; of the newest run if none is named. */
export async function planUndo(parts: TestParts, run?: string): Promise<UndoPlan> {
  return (await (await testPotctl(parts).restore()).undo({ run, keepOld: OPTIONS.keepOld })).plan;
}

/** Plans an undo and runs it; of the newest run if none is named. */
export async function undo(parts: TestParts, run?: string): Promise<UndoResult> {
  return (await (await testPotctl(parts).restore()).undo({ run, keepOld: OPTIONS.keepOld })).apply();
}

/** The runs in the repository, newest first. */
export async function listRuns(parts: TestParts): Promise<readonly ListedRun[]> {
  return (await testPotctl(parts).restore()).list();
}
