import { argument, choice, flag, text } from '../../cli/parse/options.js';

/** The person, in every command about one. */
export const USER = argument('<user>', 'id, e-mail or user name');

/** What is guarded, done all the same. */
export const BREAK_GLASS = flag(
  '--break-glass',
  'also an administrator, your own account, or what the profile protects; stands in the journal',
);

/** Where the code comes from without a terminal. */
export const CODE_STDIN = flag('--code-stdin', 'read the code from the first line of stdin');

/** For confirm and verify. */
export const TRUST_CLOCK = flag('--trust-clock', 'go on although the clocks of this machine and the database differ');

/** A file for new backup codes. */
export const CODES_TO = text('--codes-to <file>', 'a new file (0600) for the backup codes, instead of the screen');

/** What new backup codes look like. */
export const CODE_FORM = choice('--code-form <form>', 'application, or login: what its login accepts (3dpot)', [
  'application',
  'login',
]);
