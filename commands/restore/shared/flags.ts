import { OLD_BACKUPS } from '../../cli/parse/old-backups.js';
import { choice, count, duration, flag, list, optionalArgument, text } from '../../cli/parse/options.js';

/** What restore and undo have in common. */
export const SWAP_FLAGS = {
  accept: list(
    '--accept <name>',
    'go on in spite of this finding, by the name that the refusal prints; may be repeated',
  ),
  stopWriters: text('--stop-writers <line>', 'shell line that stops the programs that write, run before the swap'),
  startWriters: text('--start-writers <line>', 'shell line that starts them again, run after the swap in any case'),
  keepOld: duration('--keep-old <duration>', 'how long what is replaced will be kept for undo'),
};

/** What plan and run take alike. */
export const RESTORE_FLAGS = {
  id: optionalArgument('[id]', 'id, unique part of it, latest or latest~1', { default: 'latest' }),
  ...OLD_BACKUPS,
  fromSet: text('--from-set <name>', 'a backup of another set than the one of this profile and database'),
  only: choice('--only <part>', 'only the database or only the files', ['db', 'files']),
  mode: choice('--mode <mode>', 'swap (default): in the place of what is live; new: beside it', ['swap', 'new']),
  into: text('--into <name>', 'mode new: name of the new database'),
  intoFiles: text('--into-files <dir>', 'mode new: new directory for the files'),
  tables: list('--tables <names>', 'only these tables, beside the live ones: users,billing.invoices'),
  intoSchema: text('--into-schema <name>', 'schema of the live database that the tables come into'),
  jobs: count('--jobs <n>', 'parallel workers; default: one for each processor', { min: 1, max: 128 }),
  createRoles: flag('--create-roles', 'create the roles that the server lacks, as the backup describes them'),
  continuePastErrors: flag(
    '--continue-past-errors',
    'restore what can be restored; each object that fails must be accepted',
  ),
  safetyBackup: flag('--safety-backup', 'back up what is live before it is replaced, besides keeping it'),
  ...SWAP_FLAGS,
};
