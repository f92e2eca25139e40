import { type CatalogEntry, entry, passing } from './error-entry.js';
import { advice, again, potctl } from './next.js';

/** The causes around second factors and the people they belong to. */
export const MFA_ERRORS = {
  E_USER_NOT_FOUND: entry(
    10,
    'The application has no user of that id, e-mail or user name.',
    advice`Ask for the e-mail once more, or see whom there is: ${potctl('mfa', 'list')}.`,
  ),
  E_USER_AMBIGUOUS: entry(
    10,
    'Several users fit. potctl never guesses whom you mean.',
    'Repeat the command with the id of the right one.',
  ),
  E_MFA_CHANGED: passing(
    11,
    'Somebody changed the second factor of this person, or a desk recorded a doubt, between what was shown and what should have been done.',
    advice`Look again: ${potctl('mfa', 'status', 'USER')}, then repeat.`,
  ),
  E_APPLICATION: entry(
    15,
    'The tables are not those of an application that potctl knows, or of more than one.',
    'Check PGDATABASE or the profile; `application:` in the profile names it.',
  ),
  E_MFA_KEY: entry(
    15,
    'A key for the secrets at rest is missing, not configured, or readable by others.',
    'Name its file in the profile: `mfa: { keys: { k2026a: { file: /etc/potctl/mfa-k2026a.key } } }`.',
  ),
  E_CLOCK: entry(
    17,
    'The clocks of this machine and of the database differ by more than five seconds, so nobody knows which code is right.',
    'Mend the clock (`timedatectl status`), or, if you know that the database is right, repeat with --trust-clock.',
  ),
  E_MFA_SECRET: entry(
    20,
    'The stored secret can never verify a code: it is hashed, damaged, or not what the application reads.',
    advice`Enrol the person again: ${potctl('mfa', 'reset', 'USER')}, then ${potctl('mfa', 'enroll', 'USER')}.`,
  ),
  E_NOT_KEPT: entry(
    20,
    'The database did not keep what was written: a trigger, a rule or a policy of the application dropped or changed it. Everything was taken back.',
    'Look for triggers, rules and row security on the tables of the application (`\\d+ TABLE` in psql), then repeat.',
  ),
  E_CODE_REFUSED: entry(
    30,
    'The code was not accepted. It is wrong, too old, or was used already: potctl does not say which, because the caller may be a stranger.',
    advice`Ask for the code that is shown now. See why codes fail: ${potctl('mfa', 'explain', 'USER')}.`,
  ),
  E_MFA_BLOCKED: passing(
    30,
    'Too many codes of this person were refused: for some time none is looked at, not even a right one.',
    advice`Wait, or, when you know who it was: ${potctl('mfa', 'unlock', 'USER')}.`,
  ),
  E_MFA_STATE: entry(
    30,
    'The second factor of this person is not in the state that the command needs.',
    advice`See it: ${potctl('mfa', 'status', 'USER')}.`,
  ),
  E_UNSUPPORTED: entry(
    30,
    'The application has no such thing, so there is nothing that could be changed.',
    advice`See what it has: ${potctl('mfa', 'status', 'USER')}.`,
  ),
  E_REASON_REQUIRED: entry(
    30,
    'The record needs a reason, and the profile may want a ticket. Whoever reads it in a year should understand it.',
    advice`Give it: ${again('--reason', 'lost phone, called back', '--ticket', 'SUP-4812')}.`,
  ),
  E_BREAK_GLASS: entry(
    30,
    'What was asked is guarded: an administrator, your own account, a protected command, a role that may do everything, or too many changes in a short time.',
    advice`Let somebody else do it. Or repeat it, which is recorded in the journal as such: ${again('--break-glass')}`,
  ),
  E_SECRET_OUTPUT: entry(
    30,
    'A secret or backup codes would have to be shown, and there is no terminal and no file for them.',
    advice`Run it at a terminal, or name a new file: \`--secret-to FILE\`, \`--qr FILE.png\`, ${again('--codes-to', 'FILE')}.`,
  ),
} as const satisfies Record<string, CatalogEntry>;
