import type { Person } from '../../applications/application.js';
import type { Letter } from '../../notify/mail.js';
import type { Uses } from '../deps.js';
import type { Action } from '../guard.js';
import { VALID_MINUTES } from './email-code.js';

type Words = Omit<Letter, 'to'>;

const DONE: Readonly<Partial<Record<Action, string>>> = {
  reset: 'Two-step sign-in of your account was reset by support: the old app and all backup codes no longer work.',
  disable: 'Two-step sign-in of your account was turned off by support: your password alone opens your account now.',
  codes: 'Your backup codes were replaced by support: the old ones no longer work.',
  unlock: 'Your account was unlocked by support.',
};

/** The letter with the six digits: it says what they are for, and what to do when nobody called. */
export function codeLetter(deps: Uses<'database' | 'policy'>, digits: string): Words {
  const name = serviceName(deps);
  return {
    subject: `${name}: your code for support`,
    text: [
      `Somebody is talking to the support of ${name} about your account.`,
      'If it is you, read these digits to the person who is helping you:',
      '',
      `    ${digits.slice(0, 3)} ${digits.slice(3)}`,
      '',
      `They are valid for ${VALID_MINUTES} minutes, and they do not open your account.`,
      'If you did not call, tell them to nobody, and answer this mail.',
    ].join('\n'),
  };
}

/** What was done to somebody's account, and how to object. */
export function doneLetter(deps: Uses<'database' | 'clock' | 'policy'>, action: Action, ticket: string | null): Words {
  const name = serviceName(deps);
  const about = ticket === null ? '' : ` (${ticket})`;
  return {
    subject: `${name}: your account was changed by support${about}`,
    text: [
      DONE[action] ?? 'Two-step sign-in of your account was changed by support.',
      '',
      ...(ticket === null ? [] : [`Ticket: ${ticket}`]),
      `Time:   ${deps.clock.now().toISOString()}`,
      '',
      'If you did not ask for this, answer this mail at once.',
    ].join('\n'),
  };
}

/** For the colleague in whose name somebody was helped. */
export function voucherLetter(deps: Uses<'database' | 'policy'>, person: Person, ticket: string | null): Words {
  const name = serviceName(deps);
  return {
    subject: `${name}: support was told that you vouch for somebody`,
    text: [
      `Support changed the two-step sign-in of ${person.name ?? person.email ?? 'a colleague'}, because you confirmed who was calling.`,
      ...(ticket === null ? [] : [`Ticket: ${ticket}`]),
      '',
      'If you did not confirm that, answer this mail at once.',
    ].join('\n'),
  };
}

const serviceName = ({ policy, database }: Uses<'database' | 'policy'>): string =>
  policy.issuer ?? database.application.mfa.totp.issuer;
