import { defaultSocketDirectory } from '../config/libpq/parameters.js';
import { passfileLine } from '../config/libpq/passfile-lookup.js';
import type { ConnectionSettings } from '../config/libpq/settings.js';
import { PotctlError } from '../kernel/errors.js';
import type { Secret } from '../kernel/secret.js';

/** The password of a login. Shared by the driver and the tools, so that a prompt appears only once. */
export interface Login {
  /** Called when the server asks. @throws E_DB_DENIED if there is no password */
  password(): Promise<Secret>;
  /** The password, if it is known without a prompt or command. */
  known(): Secret | null;
}

/** Remembers a fetched password for the tools, which cannot prompt. */
export function openLogin(settings: ConnectionSettings): Login {
  let fetched: Promise<Secret> | undefined;
  let known = settings.password;
  return {
    known: () => known,
    async password() {
      if (known) return known;
      if (!settings.fetchPassword) throw noPassword(settings);
      fetched ??= settings.fetchPassword();
      known = await fetched;
      return known;
    },
  };
}

function noPassword(settings: ConnectionSettings): PotctlError {
  const notes = settings.passwordNotes ?? [];
  return new PotctlError(
    'E_DB_DENIED',
    `the server requires a password for '${settings.user}', and none is configured`,
    {
      why: notes.length > 0 ? notes.join('; ') : 'no password source is configured',
      fix: [
        `Add this line to ~/.pgpass (mode 0600): ${passfileLine(settings, defaultSocketDirectory())}`,
        'Or set `password_file` or `password_command` in the profile.',
      ],
    },
  );
}
