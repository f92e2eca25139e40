import { Buffer } from 'node:buffer';

/**
 * The name of a directory entry, byte for byte: each character is one byte (latin1), so that names that are not UTF-8 survive and
 * can be compared and stored in sets. Never shown to people directly; see {@link readable}.
 */
export type Name = string & { readonly bytes: 'latin1' };

export type DiskPath = string | Buffer;

const ASCII = /^[\0-\x7f]*$/;
const RUN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export const nameOf = (bytes: Buffer): Name => bytes.toString('latin1') as Name;
export const ownName = (text: string): Name => text as Name;

/** The path of an entry: text if the name is ASCII (cheap, and most are), otherwise bytes. `folder` is text, as the operator typed it. */
export function at(folder: string, name: Name): DiskPath {
  if (ASCII.test(name)) return `${folder}/${name}`;
  return Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]);
}

/** A name for a message: UTF-8 if it is valid, otherwise with `\xNN`. */
export function readable(name: Name): string {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  if (!text.includes('\uFFFD')) return text;
  return [...name]
    .map((c) => (c < ' ' || c > '~' ? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}` : c))
    .join('');
}

/** The names that a run uses inside the tree (and, for a removed root, next to it). An invalid run id is a bug. */
export function foldersOf(run: string): {
  readonly staging: string;
  readonly before: string;
  readonly journal: string;
} {
  if (!RUN.test(run)) throw new Error(`'${run}' cannot be part of a file name`);
  return { staging: `.potctl-restore-${run}`, before: `.potctl-before-${run}`, journal: `.potctl-swap-${run}.ndjson` };
}

/** The run of a `.potctl-before-<run>` folder; undefined for any other name. */
export const runOfBefore = (name: string): string | undefined => /^\.potctl-before-(.+)$/s.exec(name)?.[1];
export const runOfStaging = (name: string): string | undefined => /^\.potctl-restore-(.+)$/s.exec(name)?.[1];
/** The run of a journal's name; undefined for any other name. */
export function runOfJournal(name: string): string | undefined {
  const run = /^\.potctl-swap-(.+)\.ndjson$/s.exec(name)?.[1];
  return run !== undefined && RUN.test(run) ? run : undefined;
}
