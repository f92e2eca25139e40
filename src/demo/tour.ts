import type { Clock } from '../kernel/clock.js';
import { backUpWhileWriting, destroyData } from './acts.js';
import { prepareApplication } from './application.js';
import type { Proof, Scene } from './events.js';
import { CommandFailed } from './failure.js';
import { type KeptDemo, keepRunning } from './keep.js';
import { compare } from './proof/compare.js';
import { readContent } from './proof/content.js';
import { play, type Sandbox } from './sandbox.js';
import { DATABASE, openWorkplace, type WorkplaceRequest } from './workplace.js';

export interface TourRequest extends WorkplaceRequest {
  readonly clock: Clock;
  /** Keep the server and the files, to continue by hand. */
  readonly keep: boolean;
}

export interface TourResult {
  /** Whether every command succeeded and every comparison was equal. */
  readonly ok: boolean;
  readonly proofs: readonly Proof[];
  /** The command at which the tour stopped. */
  readonly failed: { readonly command: string; readonly exit_code: number } | null;
  readonly duration_ms: number;
  readonly kept: KeptDemo | null;
}

/**
 * Runs the whole tour on a temporary PostgreSQL server: sample data, a backup while a program writes, verify, list, data loss, plan, restore, undo.
 * It uses the real commands and proves each result by reading everything again.
 *
 * Leaves no process and no file behind, even if it fails or is interrupted, except with `keep`.
 *
 * @throws PotctlError E_TOOL_MISSING, E_UNFIT if no server can be started; E_INTERRUPTED
 */
export async function runTour(request: TourRequest): Promise<TourResult> {
  const { clock, keep, signal } = request;
  const startedMs = clock.monotonicMs();
  const workplace = await openWorkplace(request);
  const proofs: Proof[] = [];
  let kept: KeptDemo | null = null;
  try {
    const failed = await failureOf(() => performTour(workplace.sandbox, proofs));
    if (keep && !signal.aborted) kept = await keepRunning(workplace);
    const ok = failed === null && proofs.length > 0 && proofs.every(({ equal }) => equal);
    return { ok, proofs, failed, duration_ms: Math.round(clock.monotonicMs() - startedMs), kept };
  } finally {
    if (!kept) await workplace.remove();
  }
}

async function failureOf(work: () => Promise<void>): Promise<TourResult['failed']> {
  try {
    await work();
    return null;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    return { command: error.line, exit_code: error.exitCode };
  }
}

const FILES = ['--files', './storage'];
const REPOSITORY = ['--repository', './backups'];
/** A restore shows its plan again before its first step. */
const PLAN = { from: /^\s*RESTORE PLAN/, until: /✓ create/ };

async function performTour(sandbox: Sandbox, proofs: Proof[]): Promise<void> {
  const scene = (name: Scene) => sandbox.tell({ kind: 'scene', scene: name, facts: {} });
  const prove = (found: readonly Proof[]) => {
    proofs.push(...found);
    sandbox.tell({ kind: 'proofs', proofs: found });
  };
  const before = await prepareApplication(sandbox);
  const create = ['potctl', 'backup', 'create', ...FILES, ...REPOSITORY];
  const saved = await backUpWhileWriting(sandbox, before, create);
  scene('verify');
  await play(sandbox, ['potctl', 'backup', 'verify', 'latest', '--level', 'full', ...REPOSITORY]);
  scene('list');
  await play(sandbox, ['potctl', 'backup', 'list', ...REPOSITORY]);
  scene('loss');
  const lost = await destroyData(sandbox);
  scene('plan');
  await play(sandbox, ['potctl', 'restore', 'plan', 'latest', ...FILES, ...REPOSITORY]);
  scene('restore');
  await play(sandbox, ['potctl', 'restore', 'run', 'latest', ...FILES, ...REPOSITORY, '--confirm', DATABASE], PLAN);
  scene('proof');
  prove([saved.wholeTransactions, ...compare(saved.content, await readContent(sandbox))]);
  scene('undo');
  await play(sandbox, ['potctl', 'restore', 'undo', ...FILES, ...REPOSITORY, '--confirm', DATABASE]);
  scene('undone');
  prove(compare(lost, await readContent(sandbox)));
}
