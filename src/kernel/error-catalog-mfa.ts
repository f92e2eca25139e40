import { type CatalogEntry, entry, passing } from './error-entry.js';
import { advice, again, potctl } from './next.js';

/** Errors about second factors and the users they belong to. */
export const MFA_ERRORS = {
  E_USER_NOT_FOUND: entry(
    10,
    'The application has no user with this id, email or user name.',
    advice`Ask for the email again, or list the users: ${potctl('mfa', 'list')}.`,
  ),
  E_USER_AMBIGUOUS: entry(
    10,
    'Several users match. potctl never guesses which one is meant.',
    'Repeat the command with the id of the right user.',
  ),
  E_MFA_CHANGED: passing(
    11,
    'After the plan was shown, the second factor of this user changed, or a support agent flagged the caller as suspicious.',
    advice`Check what happened: ${potctl('mfa', 'status', 'USER')}. If the caller was flagged, verify their identity again before you retry.`,
  ),
  E_APPLICATION: entry(
    15,
    'The tables match no application that potctl knows, or more than one.',
    'Check PGDATABASE or the profile; set `application:` in the profile to choose one.',
  ),
  E_MFA_KEY: entry(
    15,
    'An encryption key for the stored secrets is missing, not configured, or readable by others.',
    'Set its file in the profile: `mfa: { keys: { k2026a: { file: /etc/potctl/mfa-k2026a.key } } }`.',
  ),
  E_CLOCK: entry(
    17,
    'The clocks of this machine and of the database differ by more than five seconds, so it is unclear which code is correct.',
    'Fix the clock (`timedatectl status`), or, if you know that the clock of the database is right, repeat with --trust-clock.',
  ),
  E_MFA_SECRET: entry(
    20,
    'The stored secret can never verify a code: it is hashed, damaged, or in a form that the application cannot read.',
    advice`Enroll the user again: ${potctl('mfa', 'reset', 'USER')}, then ${potctl('mfa', 'enroll', 'USER')}.`,
  ),
  E_NOT_KEPT: entry(
    20,
    'The database did not keep what was written: a trigger, rule or policy of the application dropped or changed it. Everything was rolled back.',
    'Check the triggers, rules and row security of the tables of the application (`\\d+ TABLE` in psql), then retry.',
  ),
  E_CODE_REFUSED: entry(
    30,
    'The code was rejected. It is wrong, expired, or already used: potctl does not say which, because the caller may be an impostor.',
    advice`Ask for the code that the app shows now. Find out why codes fail: ${potctl('mfa', 'explain', 'USER')}.`,
  ),
  E_MFA_BLOCKED: passing(
    30,
    'Too many codes of this user were rejected. potctl accepts none for now, not even a correct one; after 100 in a row, until somebody unlocks the user.',
    advice`Wait. If you know who entered them: ${potctl('mfa', 'unlock', 'USER')}, after 100 in a row with \`--reset-consecutive\`.`,
  ),
  E_MFA_STATE: entry(
    30,
    'The second factor of this user is not in the state that the command requires.',
    advice`Check its state: ${potctl('mfa', 'status', 'USER')}.`,
  ),
  E_UNSUPPORTED: entry(
    30,
    'The application does not support this, so there is nothing to change.',
    advice`See what it supports: ${potctl('mfa', 'status', 'USER')}.`,
  ),
  E_REASON_REQUIRED: entry(
    30,
    'The journal requires a reason, and the profile may require a ticket. Write the reason so that somebody understands it a year from now.',
    advice`Add it in place of the dots: ${again('--reason', '…')}. Give a required ticket with \`--ticket\`.`,
  ),
  E_BREAK_GLASS: entry(
    30,
    'The request is guarded: it concerns an administrator, your own account, a command that the profile protects, a role with all privileges, or too many changes in a short time.',
    advice`Override the guard, which is recorded in the journal: ${again('--break-glass')}`,
  ),
  E_SECRET_OUTPUT: entry(
    30,
    'A secret or backup codes would have to be shown, and there is neither a terminal nor a file to write them to.',
    advice`Run it on a terminal, or name a new file: \`--secret-to FILE\`, \`--qr FILE.png\`, ${again('--codes-to', 'FILE')}.`,
  ),
} as const satisfies Record<string, CatalogEntry>;
