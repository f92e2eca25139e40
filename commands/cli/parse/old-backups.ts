import { text } from './options.js';

/** Reads a folder of the old scripts where it lies, instead of a repository. */
export const OLD_BACKUPS = {
  backupDir: text('--backup-dir <dir>', "a folder of the old scripts' backups, read where it lies"),
};
