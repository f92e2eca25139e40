import { counted, verb } from '../../../../src/kernel/counted.js';
import type { ChangePlan } from '../../../../src/mfa/change.js';
import type { ProofMethod } from '../../../../src/mfa/desk/proofs.js';
import type { DeskTask } from '../../../../src/mfa/desk/tasks.js';

/** The menu entry of each proof; its number never changes. */
export const PROOF_WORDS: Readonly<Record<ProofMethod, { readonly key: string; readonly text: string }>> = {
  email_code: { key: '1', text: 'six digits that we mail to the address on file (checked here)' },
  backup_code: { key: '2', text: 'an unused backup code; it is used up (checked here)' },
  app_code: { key: '3', text: 'the code from the old app, if they still have it (checked here)' },
  call_back: { key: '4', text: 'call back at the number on file (you confirm)' },
  colleague: { key: '5', text: 'a colleague vouches for the caller (you confirm)' },
  in_person: { key: '6', text: 'in person, with an ID (you confirm)' },
};

/** A task as it reads in the middle of a sentence. */
export const TASK_WORDS: Readonly<Record<DeskTask, string>> = {
  reset: 'reset two-step sign-in',
  unlock: 'unlock the account',
  codes: 'make new backup codes',
  disable: 'turn off two-step sign-in',
};

/** Describes what a task will do, for readers who are not experts. */
export function stepsInWords(task: DeskTask, { record }: ChangePlan): readonly string[] {
  const { codes, sessions } = record;
  const oldCodes =
    codes === null || codes.length === 0
      ? []
      : [`${counted(codes.length, 'backup code')} ${verb(codes.length, 'stops', 'stop')} working`];
  if (task === 'codes') return [...oldCodes, 'ten new backup codes are shown once on this screen'];
  if (task === 'unlock') return ['the user can sign in again at once'];
  const app = 'the app on the old phone no longer works for this account';
  if (task === 'disable') return [app, ...oldCodes, 'from now on the password alone is enough to sign in'];
  const ended = sessions === null || sessions === 0 ? [] : [`the user is signed out on ${counted(sessions, 'device')}`];
  return [app, ...oldCodes, ...ended, 'the user can set up a new phone'];
}

/** What the operator tells the caller when the change is done. */
export const SAY_DONE: Readonly<Record<DeskTask, string>> = {
  reset:
    'Sign in with your password. Then open Settings, Security, and set up two-step sign-in again: you will see a QR code. Scan it with the app on your new phone, and type the digits that the app shows.',
  unlock: 'Please try again now: your password first, then the digits that the app shows at this moment.',
  codes: 'These are your new backup codes. The old ones no longer work. Keep the sheet in a safe place.',
  disable: 'From now on your password alone is enough to sign in. Please set up two-step sign-in again soon.',
};

/** What a diagnosis means, what to tell the caller, and what to do next. */
export interface VerdictWords {
  readonly means: string;
  readonly say: string;
  readonly next: DeskTask | 'expert' | null;
}

const SET_CLOCK = 'Open the settings of your phone, find date and time, and turn on automatic time. Then try again.';

/** The verdicts of `mfa explain`, for readers who are not experts. */
export const VERDICT_WORDS: Readonly<Record<string, VerdictWords>> = {
  account_inactive: {
    means: 'The whole account is disabled. This has nothing to do with two-step sign-in.',
    say: 'Your account is disabled. I will pass this on to the people who can look at it.',
    next: 'expert',
  },
  locked: {
    means: 'The account is temporarily locked after too many failed attempts.',
    say: 'Your account is locked for a while. I can unlock it once I know that it is you.',
    next: 'unlock',
  },
  blocked: {
    means: 'Too many wrong codes were entered. No code is accepted for a while, not even a correct one.',
    say: 'There were too many wrong codes, so there is a pause. I can end it once I know that it is you.',
    next: 'unlock',
  },
  secret_unusable: {
    means: 'The stored secret is broken: no code can ever be accepted.',
    say: 'This is not your fault. We have to set up two-step sign-in again.',
    next: 'reset',
  },
  secret_missing: {
    means: 'Two-step sign-in is on, but no secret is stored: no code can ever be accepted.',
    say: 'This is not your fault. We have to set up two-step sign-in again.',
    next: 'reset',
  },
  required_not_enrolled: {
    means: 'Administrators must use two-step sign-in, and this one has not set it up: sign-in is refused.',
    say: 'I have to pass this on to my colleagues.',
    next: 'expert',
  },
  half_enrolled: {
    means: 'The QR code was shown once, but the first digits were never typed: two-step sign-in is not on yet.',
    say: 'Delete the entry in your app. Open Settings, Security, and start again with a new QR code.',
    next: null,
  },
  no_factor: {
    means: 'This account has no two-step sign-in. A caller who is asked for digits is using another account.',
    say: 'Which email address do you sign in with? This account asks for no digits.',
    next: null,
  },
  replayed: {
    means:
      'The digits are correct but were used before. If the caller did not use them, somebody else did: be careful.',
    say: 'Each code works once. Wait until the app shows new digits, and type those.',
    next: null,
  },
  backup_code: {
    means: 'This is a valid backup code. It is now used up.',
    say: 'That was a backup code, and it is now used up. Please use the next one on your sheet.',
    next: null,
  },
  code_right: {
    means: 'The code is correct, so the digits are not the problem.',
    say: 'Your code is correct. Wait for the next digits, and type them slowly. Is the right email address on the page?',
    next: null,
  },
  code_wrong: {
    means: 'The digits do not match: they come from another entry in the app, or from one that is no longer valid.',
    say: 'Is there another entry with our name in your app? Then try the digits of that one.',
    next: 'reset',
  },
  code_late: {
    means: 'The digits were correct a moment ago and came too late. This does not mean that the phone is wrong.',
    say: 'Those digits have expired. Wait until the app shows new ones, and type them at once.',
    next: null,
  },
  clock_slow: { means: 'The app is set up correctly, but the clock of the phone is slow.', say: SET_CLOCK, next: null },
  clock_fast: { means: 'The app is set up correctly, but the clock of the phone is fast.', say: SET_CLOCK, next: null },
  server_clock: {
    means: 'One of our own clocks is wrong, so correct codes may be refused.',
    say: 'This is not your fault: one of our machines has to be fixed. We will call you back.',
    next: 'expert',
  },
  nothing_found: {
    means: 'Nothing was found that prevents this user from signing in.',
    say: 'Please try once more, with the digits that the app shows at this moment.',
    next: null,
  },
};
