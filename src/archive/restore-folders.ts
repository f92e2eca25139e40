import { closeSync, lstatSync, openSync, readSync } from 'node:fs';
import { isErrno } from '../kernel/errors.js';

/**
 * What restores keep at the top of a tree: staging and kept folders, journals. They are told by what a run has written about itself there,
 * a mark or a journal that names the run, and never by their names alone: a file of the user may be called `.potctl-notes` or
 * `.potctl-before-launch`, and is backed up and restored like any other.
 */
const RESERVED = '.potctl-';
const MARK = /^\.potctl-run-(.+)\.json$/s;
const JOURNAL = /^\.potctl-swap-(.+)\.ndjson(?:\.tmp)?$/s;
const FOLDER = /^\.potctl-(?:restore|before|pruned)-(.+)$/s;
/** More than the beginning of a journal, which can be as long as the tree is wide. */
const HEAD_BYTES = 4_096;

/** The file that says that a run keeps something in this folder, from before it puts anything there. */
export const markName = (run: string): string => `.potctl-run-${run}.json`;

/** What it says. `created`: the run has made the folder itself. */
export const markText = (run: string, created: boolean): string =>
  `${JSON.stringify({ format: 'potctl.run', run, created })}\n`;

/** Did the run make the folder? undefined where it has left no mark. */
export function readMark(folder: string | Buffer, run: string): { readonly created: boolean } | undefined {
  try {
    const mark = JSON.parse(headOf(folder, markName(run)));
    return mark?.format === 'potctl.run' && mark.run === run ? { created: mark.created === true } : undefined;
  } catch {
    return undefined;
  }
}

/** Does a journal, also one that was cut, begin as that of this run? */
export const isJournalOf = (run: string, text: string): boolean =>
  text.startsWith(`{"format":1,"run":${JSON.stringify(run)},`);

/**
 * Which names in the folder are potctl's own.
 *
 * @param names of its entries, one byte a character (latin1)
 */
export function ownNames(folder: string | Buffer, names: readonly string[]): ReadonlySet<string> {
  const candidates = names.filter((name) => name.startsWith(RESERVED));
  if (candidates.length === 0) return NONE;
  const runs = new Set(candidates.flatMap((name) => declaredBy(folder, name) ?? []));
  return new Set(candidates.filter((name) => runsOf(name).some((run) => runs.has(run))));
}

const NONE: ReadonlySet<string> = new Set();

/** The run whose mark or journal this is, by its content. */
function declaredBy(folder: string | Buffer, name: string): string | undefined {
  const [, marked] = MARK.exec(name) ?? [];
  if (marked !== undefined) return readMark(folder, marked) && marked;
  const [, journaled] = JOURNAL.exec(name) ?? [];
  return journaled !== undefined && isJournalOf(journaled, headOf(folder, name)) ? journaled : undefined;
}

/** What a way back had to keep ends in `-late`. */
function runsOf(name: string): string[] {
  const run = (MARK.exec(name) ?? JOURNAL.exec(name) ?? FOLDER.exec(name))?.[1];
  return run === undefined ? [] : [run, run.replace(/-late$/, '')];
}

function headOf(folder: string | Buffer, name: string): string {
  const file = Buffer.concat([Buffer.from(folder), Buffer.from('/'), Buffer.from(name, 'latin1')]);
  try {
    if (!lstatSync(file).isFile()) return '';
    const descriptor = openSync(file, 'r');
    try {
      const head = Buffer.alloc(HEAD_BYTES);
      return head.toString('utf8', 0, readSync(descriptor, head));
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return '';
    throw error;
  }
}
