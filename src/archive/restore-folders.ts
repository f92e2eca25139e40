import { closeSync, lstatSync, openSync, readSync } from 'node:fs';
import { isErrno } from '../kernel/errors.js';

/**
 * What restores keep at the top of a tree: staging folders, kept folders and journals. They are recognized by a mark or a journal that
 * names the run, never by their names alone: a user's file may be called `.potctl-notes` or `.potctl-before-launch`, and is backed up and
 * restored like any other.
 */
const RESERVED = '.potctl-';
const MARK = /^\.potctl-run-(.+)\.json$/s;
const JOURNAL = /^\.potctl-swap-(.+)\.ndjson(?:\.tmp)?$/s;
const FOLDER = /^\.potctl-(?:restore|before|pruned)-(.+)$/s;
/** More than the first line of a journal, which can be as long as the tree is wide. */
const HEAD_BYTES = 4_096;

/** Returns the name of the file that marks a folder as used by a run. It is written before anything else. */
export const markName = (run: string): string => `.potctl-run-${run}.json`;

/** Returns the content of the mark. `created`: the run created the folder itself. */
export const markText = (run: string, created: boolean): string =>
  `${JSON.stringify({ format: 'potctl.run', run, created })}\n`;

/** Reads the mark of a run; undefined if there is none. */
export function readMark(folder: string | Buffer, run: string): { readonly created: boolean } | undefined {
  try {
    const mark = JSON.parse(headOf(folder, markName(run)));
    return mark?.format === 'potctl.run' && mark.run === run ? { created: mark.created === true } : undefined;
  } catch {
    return undefined;
  }
}

/** Returns whether a journal, even a truncated one, belongs to this run. */
export const isJournalOf = (run: string, text: string): boolean =>
  text.startsWith(`{"format":1,"run":${JSON.stringify(run)},`);

/**
 * Returns the names in a folder that belong to potctl.
 *
 * @param names of its entries, one byte per character (latin1)
 */
export function ownNames(folder: string | Buffer, names: readonly string[]): ReadonlySet<string> {
  const candidates = names.filter((name) => name.startsWith(RESERVED));
  if (candidates.length === 0) return NONE;
  const runs = new Set(candidates.flatMap((name) => declaredBy(folder, name) ?? []));
  return new Set(candidates.filter((name) => runsOf(name).some((run) => runs.has(run))));
}

const NONE: ReadonlySet<string> = new Set();

/** Returns the run that a mark or journal names in its content. */
function declaredBy(folder: string | Buffer, name: string): string | undefined {
  const [, marked] = MARK.exec(name) ?? [];
  if (marked !== undefined) return readMark(folder, marked) && marked;
  const [, journaled] = JOURNAL.exec(name) ?? [];
  return journaled !== undefined && isJournalOf(journaled, headOf(folder, name)) ? journaled : undefined;
}

/** Returns the runs that a name may belong to. What an undo had to keep ends in `-late`. */
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
