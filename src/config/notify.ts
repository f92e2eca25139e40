import { PotctlError } from '../kernel/errors.js';
import { Secret } from '../kernel/secret.js';
import type { Origins } from './origins.js';
import type { ChosenProfile } from './profile.js';
import type { Settings } from './settings.js';

/**
 * Through which server the profile lets mail be sent: `notify.email`.
 *
 * @throws E_CONFIG when `smtp` is no URL
 */
export function findNotify(profile: ChosenProfile, origins: Origins): Settings['notify'] {
  const { smtp, from, to = [] } = profile.values.notify?.email ?? {};
  if (smtp === undefined) return { email: null };
  const where = (key: string): string => profile.where('notify', 'email', key);
  if (!URL.canParse(smtp)) {
    throw new PotctlError('E_CONFIG', '`notify.email.smtp` is no URL', {
      why: { from: where('smtp') },
      fix: [
        'For example `smtps://user:password@mail.example.com`; special characters in a password are written as %40.',
      ],
    });
  }
  const url = new URL(smtp);
  const server = `${url.protocol}//${url.host}`;
  rememberPassword(url.password, where('smtp'));
  origins.pick('notify.email.smtp', { value: smtp, from: where('smtp'), shown: server });
  const sender = origins.pick(
    'notify.email.from',
    { value: from, from: where('from') },
    { value: to[0], from: where('to') },
  );
  return { email: { smtp: new Secret(smtp), server, from: sender ?? 'potctl', replyTo: to } };
}

/** From now on the redaction knows the password itself, in both spellings. @throws E_CONFIG */
function rememberPassword(written: string, from: string): void {
  try {
    for (const spelling of [written, decodeURIComponent(written)]) new Secret(spelling);
  } catch {
    throw new PotctlError('E_CONFIG', 'the password in `notify.email.smtp` is written wrongly', {
      why: { from },
      fix: ['A % in a password is written as %25, an @ as %40.'],
    });
  }
}
