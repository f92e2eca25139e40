import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fromErrno } from '../kernel/errors.js';
import { createSpool, type SpoolWriter } from './spool.js';

/** Temporary files of one backup, in their own folder. */
export interface Scratch {
  /** Returns an unused file name. */
  file(kind: string): string;
  spool(): SpoolWriter;
  /** Removes everything; safe to call twice. */
  remove(): void;
}

/** Creates the folder for temporary files. @throws E_NO_SPACE, E_FILES_DENIED, E_IO */
export function createScratch(folder: string): Scratch {
  let scratch: string;
  try {
    scratch = mkdtempSync(path.join(folder, 'files.scratch-'));
  } catch (error) {
    throw fromErrno(error, `write in "${folder}"`);
  }
  let count = 0;
  const file = (kind: string): string => path.join(scratch, `${++count}-${kind}`);
  return {
    file,
    spool: () => createSpool(file('spool')),
    remove: () => rmSync(scratch, { recursive: true, force: true }),
  };
}
