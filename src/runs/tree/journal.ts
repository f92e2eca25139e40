import path from 'node:path';
import { isJournalOf } from '../../archive/restore-folders.js';
import { PotctlError } from '../../kernel/errors.js';
import type { TreeDisk } from './disk.js';
import { at, foldersOf, type Name, runOfJournal } from './names.js';

/**
 * How far a swap has got. Each phase limits what can be where, and the disk shows the rest:
 * - `out`: live entries move to the before folder; nothing staged has moved
 * - `in`: the before folder holds everything that was live; staged entries move into place
 * - `closing`: everything is in place; the root's own attributes follow
 * - `done`: the record of a finished swap, from which undo reads the root's earlier attributes
 * - `back-out`, `back-in`: the rollback of `in` and `out`
 * - `back-closing`: everything is back; from here the swap can no longer be finished
 */
export type Phase = 'out' | 'in' | 'closing' | 'done' | 'back-out' | 'back-in' | 'back-closing';

/** The plan of a swap, written before its first rename. */
export interface SwapPlan {
  readonly format: 1;
  readonly run: string;
  readonly kind: 'restore' | 'undo';
  /** The run that an undo undoes. */
  readonly of: string | null;
  /** Whether the restore created the root; then undo removes it. */
  readonly rootCreated: boolean;
  /** Folders inside the root: where the new entries come from, and where the live ones go. */
  readonly staged: string;
  readonly before: string;
  /** The root's attributes now and afterwards ({@link TreeDisk.readAttributes}); `after` null = leave them unchanged. */
  readonly rootBefore: string;
  readonly rootAfter: string | null;
  /** Names that stay in place: `lost+found` of a mount point. */
  readonly fixed: readonly PlannedEntry[];
  /** null once the swap is closed and no longer needs them. */
  readonly live: readonly PlannedEntry[] | null;
  readonly incoming: readonly PlannedEntry[] | null;
}

export interface PlannedEntry {
  /** base64 of the name's bytes. */
  readonly name: string;
  /** Only for directories that their owner may not write to: to move one, a plain user must add a mode bit for a moment. */
  readonly mode?: number;
}

export interface Journal {
  readonly plan: SwapPlan;
  readonly phase: Phase;
  /** Whether staged entries were live when the swap was rolled back: then writers may have changed them, and they are kept. */
  readonly wasLive: boolean;
}

/** A swap that a kill or a power failure interrupted. */
export interface UnfinishedSwap {
  readonly run: string;
  readonly kind: 'restore' | 'undo';
  readonly of: string | null;
  readonly phase: Phase;
}

export const encodeName = (name: Name): string => Buffer.from(name, 'latin1').toString('base64');
export const decodeName = (encoded: string): Name => Buffer.from(encoded, 'base64').toString('latin1') as Name;

/** Writes the plan and its phase atomically: a reader sees the earlier journal or this one. */
export function writeJournal(disk: TreeDisk, root: string, plan: SwapPlan, phase: Phase): void {
  const file = path.join(root, foldersOf(plan.run).journal);
  disk.write(`${file}.tmp`, `${JSON.stringify(plan)}\n${line(phase)}`);
  disk.rename(`${file}.tmp`, file);
  disk.syncFolder(root);
}

/** Records durably that the next phase starts. Appends, so that the root's own mtime does not change. */
export function notePhase(disk: TreeDisk, root: string, run: string, phase: Phase): void {
  // The leading newline terminates a line that a crash cut off; such a line is ignored.
  disk.append(path.join(root, foldersOf(run).journal), `\n${line(phase)}`);
}

/** @throws PotctlError E_REFUSED if the journal's first line is damaged: this needs a person */
export function readJournal(disk: TreeDisk, root: string, run: string): Journal | null {
  const file = path.join(root, foldersOf(run).journal);
  if (disk.look(file) === null) return null;
  const [first = '', ...rest] = disk.read(file).split('\n');
  const plan = parse(first) as SwapPlan | undefined;
  if (plan?.format !== 1 || plan.run !== run) throw damaged(file);
  const phases = rest.flatMap((text) => (parse(text) as { phase?: Phase } | undefined)?.phase ?? []);
  return { plan, phase: phases.at(-1) ?? 'out', wasLive: phases.includes('back-out') };
}

/** The swap that must be finished or rolled back before anything else happens in this tree; there is at most one. */
export function findUnfinished(disk: TreeDisk, root: string): Journal | null {
  const runs = disk.list(root).flatMap(({ name }) => runOfJournal(name) ?? []);
  const journals = runs.filter((run) => isOurs(disk, root, run)).map((run) => readJournal(disk, root, run));
  return journals.find((journal) => journal && journal.phase !== 'done') ?? null;
}

/** A file that does not start like a journal is a damaged one if the run has folders here; otherwise it belongs to the user. */
function isOurs(disk: TreeDisk, root: string, run: string): boolean {
  const { journal, staging, before } = foldersOf(run);
  const file = path.join(root, journal);
  if (disk.look(file)?.isFile() && isJournalOf(run, disk.read(file))) return true;
  return [staging, before].some((folder) => disk.look(path.join(root, folder)) !== null);
}

/** Removes journals that were never published: their swap had not started. */
export function removeTornJournals(disk: TreeDisk, root: string): void {
  for (const { name } of disk.list(root)) {
    const [, run] = /^\.potctl-swap-(.+)\.ndjson\.tmp$/s.exec(name) ?? [];
    if (run !== undefined && isJournalOf(run, disk.read(at(root, name)))) disk.unlink(at(root, name));
  }
}

/** Describes an unfinished swap to the operator. */
export function describe({ plan: { run, kind, of }, phase }: Journal): UnfinishedSwap {
  return { run, kind, of, phase };
}

const line = (phase: Phase): string => `${JSON.stringify({ phase })}\n`;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function damaged(file: string): PotctlError {
  return new PotctlError('E_REFUSED', `the journal '${file}' is damaged`, {
    why: 'something other than potctl changed or truncated it, so it is unknown which entries are old and which are new',
    fix: [
      'Check the folders `.potctl-before-*` and `.potctl-restore-*` next to it, put the tree in order, then remove the journal.',
    ],
  });
}
