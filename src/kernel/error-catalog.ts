import { MFA_ERRORS } from './error-catalog-mfa.js';
import { type CatalogEntry, entry, passing } from './error-entry.js';
import { ExitCode } from './exit-code.js';
import { advice, again, potctl } from './next.js';

export { ExitCode };

/**
 * Every cause that potctl can report: its exit code and what `potctl explain` says about it.
 *
 * The exit code is a class for scripts, the code is the cause for people. `3 10 11 12 130` mean what they mean in restic.
 */

export const ERROR_CATALOG = {
  ...MFA_ERRORS,
  E_BUG: entry(
    1,
    'potctl met a situation that its authors did not foresee.',
    'Run the same command with --debug and report the output.',
  ),
  E_USAGE: entry(
    2,
    'The command line cannot be understood: an unknown command, flag or value, or a required value is missing.',
    advice`See how it is meant: the same command with \`--help\`, or ${potctl('help')}.`,
  ),
  E_PARTIAL: entry(
    3,
    'The work is done, but something is missing from it; the result names what.',
    'Look at what is missing before you rely on the result.',
  ),

  E_BACKUP_NOT_FOUND: entry(
    10,
    'No backup has that id in this repository and set, or the prefix fits several.',
    advice`See what there is: ${potctl('backup', 'list')}.`,
  ),
  E_PIECE_NOT_FOUND: entry(
    10,
    'The backup holds no file, directory or table of that name.',
    advice`See what it holds: ${potctl('backup', 'show')}.`,
  ),
  E_RUN_NOT_FOUND: entry(
    10,
    'No restore run has that id, or there is none that could be undone.',
    advice`See what there is: ${potctl('restore', 'list')}.`,
  ),
  E_PROFILE_NOT_FOUND: entry(
    10,
    'The configuration has no profile of that name.',
    advice`See the profiles: ${potctl('config', 'show')}.`,
  ),
  E_CODE_NOT_FOUND: entry(10, 'There is no such error code.', advice`See all codes: ${potctl('explain', '--list')}.`),
  E_DATABASE_NOT_FOUND: entry(
    10,
    'The server has no database of that name.',
    advice`Check PGDATABASE or the profile: ${potctl('config', 'show', '--origin')}.`,
  ),

  E_LOCKED: passing(
    11,
    'Another potctl changes this repository or this database at the moment.',
    advice`Wait for it: repeat the command with ${again('--wait', '30m')}.`,
    'A lock whose owner is dead is taken over by itself.',
  ),
  E_DB_LOCKED: passing(
    11,
    'A lock in the database was not granted in time: somebody holds a table that is needed.',
    'Look for long transactions and migrations, then repeat.',
  ),

  E_DB_DENIED: entry(
    12,
    'The server refused the role, its password, or a right that the command needs.',
    advice`Check which role and password source is used: ${potctl('doctor')}. What a role needs: ${potctl('grants', 'sql', '--role', 'support')}.`,
  ),
  E_FILES_DENIED: entry(
    12,
    'The operating system refused to read or write a file or directory.',
    'Run as the user that owns it, or mend its mode.',
  ),

  E_CONFIG: entry(
    15,
    'The configuration file, an environment variable or a libpq file has a mistake.',
    advice`See every mistake with file and line: ${potctl('config', 'validate')}.`,
  ),
  E_REPOSITORY_FORMAT: entry(
    15,
    'The repository is not a potctl repository, or was written by a newer potctl.',
    'Check the path, or use the potctl that wrote it.',
  ),

  E_DB_UNREACHABLE: passing(
    16,
    'The database server does not answer, or the connection broke.',
    advice`Check host, port and network: ${potctl('doctor')}.`,
  ),
  E_DB_TLS: entry(
    16,
    'Server and client do not agree about TLS: it is required, missing, or the certificate does not fit.',
    'Set `sslmode` (require, verify-ca, verify-full) and `sslrootcert` for this server.',
  ),
  E_DB_POOLER: entry(
    16,
    'The address is a transaction pooler (PgBouncer or alike). It breaks snapshots, SET and advisory locks, so backup and restore would be wrong.',
    'Give the address of the PostgreSQL server itself.',
  ),
  E_MAIL: passing(
    16,
    'A mail could not be sent: the server does not answer, or did not take it.',
    'Check `notify.email` of the profile and the mail server, then repeat; tell the person in another way meanwhile.',
  ),
  E_TIMEOUT: passing(16, 'The time given with --timeout is over.', 'Give more time with --timeout, or none.'),
  E_DB_QUERY: entry(
    16,
    'The server refused a statement of potctl.',
    'Repeat with --debug to see the statement; report it if the server is healthy.',
  ),

  E_TOOL_MISSING: entry(
    17,
    'A program that is needed is not installed.',
    advice`Debian, Ubuntu: \`apt install postgresql-client\`; ${potctl('doctor')} shows what is missing.`,
  ),
  E_TOOL_OLD: entry(
    17,
    'pg_dump is older than the server: it cannot dump it.',
    'Install the client of the same major version as the server.',
  ),
  E_TOOL_FAILED: entry(
    17,
    'A program that potctl ran ended with an error; its last lines are shown.',
    'Mend what it says, then repeat.',
  ),
  E_NO_SPACE: entry(
    17,
    'There is not enough free space, or the disk filled up. Unfinished work was removed.',
    'Free some space or choose another repository.',
  ),
  E_IO: entry(17, 'Reading or writing a file failed.', 'Check the disk, then repeat.'),
  E_OUTPUT: entry(
    17,
    'The result could not be written to where the output goes. What the command changed stays changed; the message says what.',
    'Make room where the output goes, or send it elsewhere; repeat only a command that changes nothing.',
  ),
  E_FILES_MISSING: entry(
    17,
    'The directory with the files does not exist or is not a directory. An empty backup is never taken for a good one.',
    'Check the path given with --files or in the profile.',
  ),
  E_UNFIT: entry(
    17,
    'This machine or server lacks something that the command needs.',
    advice`See what, and the command that mends it: ${potctl('doctor')}.`,
  ),

  E_BACKUP_CORRUPT: entry(
    20,
    'A stored backup is not what its manifest promises. It must not be restored.',
    advice`Find an intact one: ${potctl('backup', 'list')}, then ${potctl('backup', 'verify', 'ID', '--level', 'full')}.`,
  ),
  E_MANIFEST: entry(
    20,
    'A manifest is damaged, hostile, or of a newer major version.',
    advice`See the others: ${potctl('backup', 'list')}. The artefacts themselves may be intact.`,
  ),
  E_RESTORE_CHECK: entry(
    20,
    'What was restored is not what was backed up, so nothing was swapped.',
    'The live database is as it was. Verify the backup with `--level full`, or take another one.',
  ),
  E_FILES_CHECK: entry(
    20,
    'The restored files are not what was backed up, so nothing was swapped.',
    'The live files are as they were. Verify the backup with `--level full`, or take another one.',
  ),

  E_DB_CONSTRAINT: entry(
    20,
    'A constraint, trigger or rule of the database refused what was to be written. Nothing of it was kept.',
    'Read what the server says: it names the constraint or trigger. Fix the data or the rule, then repeat.',
  ),

  E_UNHEALTHY: entry(21, 'A check found something critical.', 'Follow the line that each finding prints.'),

  E_SETUP_MISSING: entry(
    17,
    'The database lacks the schema `potctl`, in which the journal and the state of potctl rest.',
    advice`See what it is, and install it: ${potctl('setup', '--dry-run')}, ${potctl('setup')}.`,
  ),
  E_SETUP_NEWER: entry(
    17,
    'The schema `potctl` of the database was installed by a later potctl than this one.',
    'Use the potctl that installed it, or a later one.',
  ),

  E_CONFIRM_REQUIRED: entry(
    30,
    'The command destroys or replaces something, and nobody confirmed it.',
    'Repeat it with the `--confirm NAME` line that is printed.',
  ),
  E_CONFIRM_WRONG: entry(
    30,
    'The confirmation names something else than what would be changed.',
    'Compare the name with the plan.',
  ),
  E_PROFILE_REQUIRED: entry(
    30,
    'A severe command on production wants the profile on the command line.',
    'Repeat it with `-p NAME`.',
  ),
  E_WRONG_TARGET: entry(
    30,
    'The server that answers is not the one that the profile expects.',
    'Check host and port; `expect.system_identifier` in the profile says which server it must be.',
  ),
  E_BLOCKED: entry(
    30,
    'The plan found something that would make the restore fail or lose data.',
    advice`Mend each blocking line of ${potctl('restore', 'plan')}, or accept it by the flag that it names.`,
  ),
  E_REFUSED: entry(30, 'potctl refuses, because it could lose data.', 'Read the reason in the message.'),
  E_TARGET_BUSY: passing(
    30,
    'Sessions that may not be ended keep the database busy.',
    'Stop the writers (`--stop-writers`), or end the named sessions, then repeat.',
  ),

  E_CANCELLED: entry(31, 'A person said no. Nothing was changed.'),
  E_INTERRUPTED: entry(
    130,
    'The command was interrupted; the message says what state is left.',
    'Run it again: unfinished work is found and removed by itself.',
  ),
  E_TERMINATED: entry(
    143,
    'The command was told to end; the message says what state is left.',
    'Run it again: unfinished work is found and removed by itself.',
  ),
} as const satisfies Record<string, CatalogEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOG;
