import { argument, choice, flag, text } from '../../cli/parse/options.js';

/** The user that a command is about. */
export const USER = argument('<user>', 'id, email or user name');

/** Overrides the guards. */
export const BREAK_GLASS = flag(
  '--break-glass',
  'override a guard (administrator, own account, protected command); recorded in the journal',
);

/** How to give the code without a terminal. */
export const CODE_STDIN = flag('--code-stdin', 'read the code from the first line of stdin');

/** For confirm and verify. */
export const TRUST_CLOCK = flag(
  '--trust-clock',
  'continue although the clocks of this machine and the database differ',
);

/** A file for new backup codes. */
export const CODES_TO = text('--codes-to <file>', 'write the backup codes to a new file (0600), not to the screen');

/** What new backup codes look like. */
export const CODE_FORM = choice(
  '--code-form <form>',
  'as the application creates them, or as its login accepts them (3dpot)',
  ['application', 'login'],
);
