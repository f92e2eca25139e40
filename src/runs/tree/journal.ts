import path from 'node:path';
import { isJournalOf } from '../../archive/restore-folders.js';
import { PotctlError } from '../../kernel/errors.js';
import type { TreeDisk } from './disk.js';
import { at, foldersOf, type Name, runOfJournal } from './names.js';

/**
 * How far a swap is. Each phase says what can be where, so that the disk itself tells the rest:
 * - `out`: live entries go to the before folder; nothing staged has moved
 * - `in`: the before folder has all that was live; staged entries take their place
 * - `closing`: everything is in its place; the root's own attributes follow
 * - `done`: the record of a finished swap, from which undo knows the root's former attributes
 * - `back-out`, `back-in`: the way back of `in` and `out`
 * - `back-closing`: everything is where it was; from here no decision leads forward any more
 */
export type Phase = 'out' | 'in' | 'closing' | 'done' | 'back-out' | 'back-in' | 'back-closing';

/** What a swap was going to do, written before its first rename. */
export interface SwapPlan {
  readonly format: 1;
  readonly run: string;
  readonly kind: 'restore' | 'undo';
  /** The run that an undo takes back. */
  readonly of: string | null;
  /** Did the restore create the root? Then undo removes it. */
  readonly rootCreated: boolean;
  /** Folders inside the root: where the new entries come from, where the live ones go. */
  readonly staged: string;
  readonly before: string;
  /** The root's attributes now and afterwards ({@link TreeDisk.readAttributes}); `after` null = leave them. */
  readonly rootBefore: string;
  readonly rootAfter: string | null;
  /** Names that stay where they are: `lost+found` of a mount point. */
  readonly fixed: readonly PlannedEntry[];
  /** null once the swap is closed: they are not needed any more. */
  readonly live: readonly PlannedEntry[] | null;
  readonly incoming: readonly PlannedEntry[] | null;
}

export interface PlannedEntry {
  /** base64 of the name's bytes. */
  readonly name: string;
  /** Of directories that their owner may not write to: those need a mode bit for a moment to be moved by a plain user. */
  readonly mode?: number;
}

export interface Journal {
  readonly plan: SwapPlan;
  readonly phase: Phase;
  /** Had a staged entry been live when the swap was taken back? Then writers may have changed it, and it is kept. */
  readonly wasLive: boolean;
}

/** A swap that a kill or a power cut interrupted. */
export interface UnfinishedSwap {
  readonly run: string;
  readonly kind: 'restore' | 'undo';
  readonly of: string | null;
  readonly phase: Phase;
}

export const encodeName = (name: Name): string => Buffer.from(name, 'latin1').toString('base64');
export const decodeName = (encoded: string): Name => Buffer.from(encoded, 'base64').toString('latin1') as Name;

/** Writes the plan and its phase in one step: whoever reads sees the former journal or this one. */
export function writeJournal(disk: TreeDisk, root: string, plan: SwapPlan, phase: Phase): void {
  const file = path.join(root, foldersOf(plan.run).journal);
  disk.write(`${file}.tmp`, `${JSON.stringify(plan)}\n${line(phase)}`);
  disk.rename(`${file}.tmp`, file);
  disk.syncFolder(root);
}

/** Notes durably that the next phase begins. Appends, so the root's own mtime stays. */
export function notePhase(disk: TreeDisk, root: string, run: string, phase: Phase): void {
  // A line that a crash cut off is closed by the newline in front and then ignored.
  disk.append(path.join(root, foldersOf(run).journal), `\n${line(phase)}`);
}

/** @throws PotctlError E_REFUSED if the journal's first line is damaged: a person has to look */
export function readJournal(disk: TreeDisk, root: string, run: string): Journal | null {
  const file = path.join(root, foldersOf(run).journal);
  if (disk.look(file) === null) return null;
  const [first = '', ...rest] = disk.read(file).split('\n');
  const plan = parse(first) as SwapPlan | undefined;
  if (plan?.format !== 1 || plan.run !== run) throw damaged(file);
  const phases = rest.flatMap((text) => (parse(text) as { phase?: Phase } | undefined)?.phase ?? []);
  return { plan, phase: phases.at(-1) ?? 'out', wasLive: phases.includes('back-out') };
}

/** The swap that must be finished or undone before anything else happens in this tree; there is at most one. */
export function findUnfinished(disk: TreeDisk, root: string): Journal | null {
  const runs = disk.list(root).flatMap(({ name }) => runOfJournal(name) ?? []);
  const journals = runs.filter((run) => isOurs(disk, root, run)).map((run) => readJournal(disk, root, run));
  return journals.find((journal) => journal && journal.phase !== 'done') ?? null;
}

/** A file that does not begin as a journal is one that was damaged if the run has folders here, else a file of the user. */
function isOurs(disk: TreeDisk, root: string, run: string): boolean {
  const { journal, staging, before } = foldersOf(run);
  const file = path.join(root, journal);
  if (disk.look(file)?.isFile() && isJournalOf(run, disk.read(file))) return true;
  return [staging, before].some((folder) => disk.look(path.join(root, folder)) !== null);
}

/** Removes journals that died before they were published: nothing had begun. */
export function removeTornJournals(disk: TreeDisk, root: string): void {
  for (const { name } of disk.list(root)) {
    const [, run] = /^\.potctl-swap-(.+)\.ndjson\.tmp$/s.exec(name) ?? [];
    if (run !== undefined && isJournalOf(run, disk.read(at(root, name)))) disk.unlink(at(root, name));
  }
}

/** What a journal says of a swap that was not finished, for the operator. */
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
  return new PotctlError('E_REFUSED', `the journal '${file}' cannot be read`, {
    why: 'it was changed or cut by something else than potctl, so nobody can tell which entries are old and which are new',
    fix: [
      'Look into the folders `.potctl-before-*` and `.potctl-restore-*` beside it, put the tree in order, then remove the journal.',
    ],
  });
}
