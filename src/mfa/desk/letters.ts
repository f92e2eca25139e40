import type { Person } from '../../applications/application.js';
import type { Letter } from '../../notify/mail.js';
import type { Uses } from '../deps.js';
import type { Action } from '../guard.js';
import { VALID_MINUTES } from './email-code.js';

type Words = Omit<Letter, 'to'>;

const DONE: Readonly<Partial<Record<Action, string>>> = {
  reset: 'Support reset two-step sign-in for your account: the old app and all backup codes no longer work.',
  disable: 'Support turned off two-step sign-in for your account: your password alone is now enough to sign in.',
  codes: 'Support replaced your backup codes: the old ones no longer work.',
  unlock: 'Support unlocked your account.',
};

/** Returns the mail with the six digits; it says what they are for and what to do if the recipient did not call. */
export function codeLetter(deps: Uses<'database' | 'policy'>, digits: string): Words {
  const name = serviceName(deps);
  return {
    subject: `${name}: your code for support`,
    text: [
      `Somebody is talking to ${name} support about your account.`,
      'If it is you, read these digits to the person who is helping you:',
      '',
      `    ${digits.slice(0, 3)} ${digits.slice(3)}`,
      '',
      `They are valid for ${VALID_MINUTES} minutes and cannot be used to sign in.`,
      'If you did not call, do not give them to anybody, and reply to this mail.',
    ].join('\n'),
  };
}

/** Returns the mail that tells a user what was done to the account and how to object. */
export function doneLetter(deps: Uses<'database' | 'clock' | 'policy'>, action: Action, ticket: string | null): Words {
  const name = serviceName(deps);
  const about = ticket === null ? '' : ` (${ticket})`;
  return {
    subject: `${name}: support changed your account${about}`,
    text: [
      DONE[action] ?? 'Support changed two-step sign-in for your account.',
      '',
      ...(ticket === null ? [] : [`Ticket: ${ticket}`]),
      `Time:   ${deps.clock.now().toISOString()}`,
      '',
      'If you did not ask for this, reply to this mail at once.',
    ].join('\n'),
  };
}

/** Returns the mail to the colleague who vouched for the caller. */
export function voucherLetter(deps: Uses<'database' | 'policy'>, person: Person, ticket: string | null): Words {
  const name = serviceName(deps);
  return {
    subject: `${name}: you vouched for a caller to support`,
    text: [
      `Support changed two-step sign-in for ${person.name ?? person.email ?? 'a colleague'} because you confirmed who was calling.`,
      ...(ticket === null ? [] : [`Ticket: ${ticket}`]),
      '',
      'If you did not confirm this, reply to this mail at once.',
    ].join('\n'),
  };
}

const serviceName = ({ policy, database }: Uses<'database' | 'policy'>): string =>
  policy.issuer ?? database.application.mfa.totp.issuer;
