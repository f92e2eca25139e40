import { OLD_BACKUPS } from '../../cli/parse/old-backups.js';
import { choice, count, duration, flag, list, optionalArgument, text } from '../../cli/parse/options.js';

/** Flags of restore and undo. */
export const SWAP_FLAGS = {
  accept: list('--accept <blocker>', 'continue despite this blocker, named as the error prints it; repeatable'),
  stopWriters: text('--stop-writers <line>', 'shell command that stops the application, run before the swap'),
  startWriters: text('--start-writers <line>', 'shell command that starts the application, always run after the swap'),
  keepOld: duration('--keep-old <duration>', 'how long to keep the previous database and files for undo'),
};

/** Flags of plan and run. */
export const RESTORE_FLAGS = {
  id: optionalArgument('[id]', 'backup id, a unique part of it, latest or latest~1', { default: 'latest' }),
  ...OLD_BACKUPS,
  fromSet: text(
    '--from-series <name>',
    "take the backup from this series (default: this profile's or database's series)",
  ),
  only: choice('--only <part>', 'only the database or only the files', ['db', 'files']),
  mode: choice('--mode <mode>', 'swap (default): replace the live database; new: create another one', ['swap', 'new']),
  into: text('--into <name>', 'with --mode new: name of the new database'),
  intoFiles: text('--into-files <dir>', 'with --mode new: new directory for the files'),
  tables: list('--tables <names>', 'only these tables, next to the live ones: users,billing.invoices'),
  intoSchema: text('--into-schema <name>', 'with --tables: schema of the live database to restore them into'),
  jobs: count('--jobs <n>', 'parallel jobs (default: one per processor)', { min: 1, max: 128 }),
  createRoles: flag('--create-roles', 'create roles that are missing on the server, as in the backup'),
  continuePastErrors: flag(
    '--continue-past-errors',
    'continue if objects fail to restore; accept each one with --accept',
  ),
  safetyBackup: flag('--safety-backup', 'also back up the live database and files before they are replaced'),
  ...SWAP_FLAGS,
};
