import type { Clock } from '../kernel/clock.js';
import { backUpWhileWriting, lose } from './acts.js';
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
  /** Leave the server and the files for continuing by hand. */
  readonly keep: boolean;
}

export interface TourResult {
  /** Did every command succeed and every proof hold? */
  readonly ok: boolean;
  readonly proofs: readonly Proof[];
  /** The command at which the tour stopped. */
  readonly failed: { readonly command: string; readonly exit_code: number } | null;
  readonly duration_ms: number;
  readonly kept: KeptDemo | null;
}

/**
 * The whole tour on a throw-away PostgreSQL: sample data, a backup while a program writes, verify, list, loss on purpose, plan,
 * restore, undo; each with the real commands, each result proved by reading everything again.
 *
 * Whatever happens, interruption included, nothing is left: no process, no file; but for `keep`.
 *
 * @throws PotctlError E_TOOL_MISSING, E_UNFIT when no server can be had; E_INTERRUPTED
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
/** A restore shows its plan again, before its first step. */
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
  const lost = await lose(sandbox);
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
