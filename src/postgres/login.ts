import { defaultSocketDirectory } from '../config/libpq/parameters.js';
import { passfileLine } from '../config/libpq/passfile-lookup.js';
import type { ConnectionSettings } from '../config/libpq/settings.js';
import { PotctlError } from '../kernel/errors.js';
import type { Secret } from '../kernel/secret.js';

/** Who logs in, and the password once somebody asked for it. Shared by the driver and the tools, so that a prompt appears once. */
export interface Login {
  /** Called when the server asks. @throws E_DB_DENIED when there is none */
  password(): Promise<Secret>;
  /** What is known without asking anybody. */
  known(): Secret | null;
}

/** Remembers a fetched password for the tools, which cannot ask. */
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
  return new PotctlError('E_DB_DENIED', `the server wants a password for '${settings.user}', and there is none`, {
    why: notes.length > 0 ? notes.join('; ') : 'no source of a password is set',
    fix: [
      `Put this line into ~/.pgpass (mode 0600): ${passfileLine(settings, defaultSocketDirectory())}`,
      'Or set `password_file` or `password_command` in the profile.',
    ],
  });
}
