import { MFA_ERRORS } from './error-catalog-mfa.js';
import { type CatalogEntry, entry, passing } from './error-entry.js';
import { ExitCode } from './exit-code.js';
import { advice, again, potctl } from './next.js';

export { ExitCode };

/**
 * Every error code: its exit code, what it means, and what `potctl explain` prints about it.
 *
 * The exit code is a class for scripts; the error code is the precise cause, for people. 3, 11 and 130 mean
 * what they mean in restic.
 */

export const ERROR_CATALOG = {
  ...MFA_ERRORS,
  E_BUG: entry(
    1,
    'Unexpected error: this is a bug in potctl.',
    'Run the same command with --debug and report the output.',
  ),
  E_USAGE: entry(
    2,
    'Invalid command line: an unknown command, flag or value, or a required value is missing.',
    'See the help of the command: run it with `--help`.',
  ),
  E_PARTIAL: entry(
    3,
    'The command finished, but the result is incomplete; it lists what is missing.',
    'Check what is missing before you rely on the result.',
  ),

  E_BACKUP_NOT_FOUND: entry(
    10,
    'No backup with this id exists in this repository and backup series, or several match the part that was given.',
    advice`List the backups: ${potctl('backup', 'list')}.`,
  ),
  E_PIECE_NOT_FOUND: entry(
    10,
    'The backup contains no file, directory or table with this name.',
    advice`Show what the backup contains: ${potctl('backup', 'show')}.`,
  ),
  E_RUN_NOT_FOUND: entry(
    10,
    'No restore run with this id exists, or no run can be undone.',
    advice`List the runs: ${potctl('restore', 'list')}.`,
  ),
  E_PROFILE_NOT_FOUND: entry(
    10,
    'The configuration has no profile with this name.',
    advice`List the profiles: ${potctl('config', 'show')}.`,
  ),
  E_CODE_NOT_FOUND: entry(10, 'No such error code exists.', advice`List all codes: ${potctl('explain', '--list')}.`),
  E_DATABASE_NOT_FOUND: entry(
    10,
    'The server has no database with this name.',
    advice`Check PGDATABASE or the profile: ${potctl('config', 'show', '--origin')}.`,
  ),

  E_LOCKED: passing(
    11,
    'Another potctl process is changing this repository or this database. A stale lock, whose owner is dead, is taken over automatically.',
    advice`Wait for it: repeat the command with ${again('--wait', '30m')}.`,
  ),
  E_DB_LOCKED: passing(
    11,
    'A database lock was not granted in time: another session holds a lock on a table that is needed.',
    'Look for long transactions and migrations, then retry.',
  ),

  E_DB_DENIED: entry(
    12,
    'The server rejected the role or its password, or the role lacks a privilege that the command needs.',
    advice`Backups and restores: ${potctl('doctor')} shows which role is used and what it lacks.`,
    advice`Support: print the SQL that grants what a role needs: ${potctl('grants', 'sql', '--role', 'support')}.`,
  ),
  E_FILES_DENIED: entry(
    12,
    'The operating system denied access to a file or directory.',
    'Run as the user that owns it, or fix its permissions.',
  ),

  E_CONFIG: entry(
    15,
    'A required setting is missing, or the configuration file, an environment variable or a libpq file contains an error.',
    advice`List every error with file and line: ${potctl('config', 'validate')}.`,
  ),
  E_REPOSITORY_FORMAT: entry(
    15,
    'There is no potctl repository at this path, or a newer version of potctl wrote it.',
    'Check the path and that its disk is mounted, or use the version of potctl that wrote it.',
  ),

  E_DB_UNREACHABLE: passing(
    16,
    'The database server does not answer, or the connection was lost.',
    advice`Check host, port and network: ${potctl('doctor')}.`,
  ),
  E_DB_TLS: entry(
    16,
    'Server and client do not agree on TLS: it is required but missing, or the certificate does not match.',
    'Set `sslmode` (require, verify-ca, verify-full) and `sslrootcert` for this server.',
  ),
  E_DB_POOLER: entry(
    16,
    'The address belongs to a transaction pooler (such as PgBouncer). Snapshots, SET and advisory locks do not work through it, so backups and restores would be wrong.',
    'Use the address of the PostgreSQL server itself.',
  ),
  E_MAIL: passing(
    16,
    'An email could not be sent: the mail server does not answer, or rejected it.',
    'Check `notify.email` in the profile and the mail server, then retry; meanwhile, contact the person in another way.',
  ),
  E_TIMEOUT: passing(16, 'The time limit of --timeout was reached.', 'Set a longer --timeout, or none.'),
  E_DB_QUERY: entry(
    16,
    'The server rejected an SQL statement of potctl.',
    'Repeat with --debug to see the statement; if the server is healthy, report it.',
  ),

  E_TOOL_MISSING: entry(
    17,
    'A required program is not installed.',
    advice`Debian, Ubuntu: \`apt install postgresql-client\`; ${potctl('doctor')} shows what is missing.`,
  ),
  E_TOOL_OLD: entry(
    17,
    'pg_dump is older than the server and cannot dump it.',
    'Install the client of the same major version as the server.',
  ),
  E_TOOL_FAILED: entry(
    17,
    'A program that potctl ran failed; its last lines of output are shown.',
    'Fix the problem that it reports, then retry.',
  ),
  E_NO_SPACE: entry(
    17,
    'There is not enough free space, or the disk filled up. Incomplete output was removed.',
    'Free some space, or choose another repository.',
  ),
  E_IO: entry(
    17,
    'Reading or writing a file failed.',
    'Check the disk and the file system that the message names, then retry.',
  ),
  E_OUTPUT: entry(
    17,
    'The output could not be written. What the command changed stays changed; the message lists it.',
    'Free space where the output goes, or send it elsewhere; repeat only commands that change nothing.',
  ),
  E_FILES_MISSING: entry(
    17,
    'A file or directory does not exist, or is not a directory. potctl never records an empty backup as a good one.',
    'Check the path that the error names: on the command line or in the profile.',
  ),
  E_UNFIT: entry(
    17,
    'This machine or server lacks something that the command needs.',
    advice`See what is missing and how to fix it: ${potctl('doctor')}.`,
  ),

  E_BACKUP_CORRUPT: entry(
    20,
    'A stored backup does not match its manifest, or a file to import is damaged or not a dump. Do not restore it.',
    advice`Find an intact backup: ${potctl('backup', 'list')}, then ${potctl('backup', 'verify', 'ID', '--level', 'full')}.`,
  ),
  E_MANIFEST: entry(
    20,
    'The manifest of a backup is damaged, malicious, or in a newer format.',
    advice`List the other backups: ${potctl('backup', 'list')}. The dump and the files of the damaged one may still be intact.`,
  ),
  E_RESTORE_CHECK: entry(
    20,
    'The restored database does not match the backup, so it was not swapped in. The live database was not changed.',
    advice`Verify the backup: ${potctl('backup', 'verify', 'ID', '--level', 'full')}. Or restore another one.`,
  ),
  E_FILES_CHECK: entry(
    20,
    'The restored files do not match the backup, so they were not swapped in. The live files were not changed.',
    advice`Verify the backup: ${potctl('backup', 'verify', 'ID', '--level', 'full')}. Or restore another one.`,
  ),

  E_DB_CONSTRAINT: entry(
    20,
    'A constraint, trigger or rule of the database rejected a write. Everything was rolled back.',
    'The message of the server names the constraint or trigger. Fix the data or the rule, then retry.',
  ),

  E_UNHEALTHY: entry(21, 'A check found a critical problem.', 'Follow the advice that is printed with each finding.'),

  E_SETUP_MISSING: entry(
    17,
    'The database has no schema `potctl`, where potctl keeps its journal and state.',
    advice`Review it, then install it: ${potctl('setup', '--dry-run')}, ${potctl('setup')}.`,
  ),
  E_SETUP_NEWER: entry(
    17,
    'The schema `potctl` in the database was installed by a newer version of potctl.',
    'Use the version of potctl that installed it, or a newer one.',
  ),

  E_CONFIRM_REQUIRED: entry(
    30,
    'The command destroys or replaces something and was not confirmed.',
    'Repeat it with the `--confirm NAME` that is printed.',
  ),
  E_CONFIRM_WRONG: entry(
    30,
    'The value of --confirm does not match what would be changed.',
    'Compare it with the plan.',
  ),
  E_PROFILE_REQUIRED: entry(
    30,
    'A destructive command on production requires the profile on the command line.',
    'Repeat it with `-p NAME`.',
  ),
  E_WRONG_TARGET: entry(
    30,
    'The server that answered is not the one that the profile expects.',
    'Check host and port; `expect.system_identifier` in the profile identifies the expected server.',
  ),
  E_BLOCKED: entry(
    30,
    'The plan found a blocker: a problem that would make the restore fail or lose data.',
    advice`Fix each blocker of ${potctl('restore', 'plan')}, or accept it with the flag that it names.`,
  ),
  E_REFUSED: entry(
    30,
    'potctl refused to continue, because it would not be safe. The message gives the reason.',
    'Fix the problem that the message describes, then retry.',
  ),
  E_TARGET_BUSY: passing(
    30,
    'The database is in use by sessions that potctl is not allowed to terminate.',
    'Stop the writers (`--stop-writers`), or end the listed sessions, then retry.',
  ),

  E_CANCELED: entry(31, 'The command was canceled at a prompt. Nothing was changed.'),
  E_INTERRUPTED: entry(
    130,
    'The command was interrupted; the message describes what state is left.',
    'Run it again: potctl first finishes or rolls back unfinished work.',
  ),
  E_TERMINATED: entry(
    143,
    'The command received SIGTERM; the message describes what state is left.',
    'Run it again: potctl first finishes or rolls back unfinished work.',
  ),
} as const satisfies Record<string, CatalogEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOG;
