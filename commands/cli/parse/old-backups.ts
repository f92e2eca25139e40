import { text } from './options.js';

/** Reads a directory of the old scripts in place, instead of a repository. */
export const OLD_BACKUPS = {
  backupDir: text('--backup-dir <dir>', "read backups made by 3dPot's old backup.py from this directory"),
};
