import type { ProofMethod } from '../../../src/mfa/desk/proofs.js';
import type { DeskTask } from '../../../src/mfa/desk/tasks.js';

/** A way of proof on the screen; its number never changes. */
export const PROOF_WORDS: Readonly<Record<ProofMethod, { readonly key: string; readonly text: string }>> = {
  email_code: { key: '1', text: 'digits that we mail to the address on file    (checked here)' },
  backup_code: { key: '2', text: 'an unused backup code, used up by that        (checked here)' },
  app_code: { key: '3', text: 'the code of the old app, if it is there       (checked here)' },
  call_back: { key: '4', text: 'call back at the number on file               (you confirm)' },
  colleague: { key: '5', text: 'a colleague vouches                           (you confirm)' },
  in_person: { key: '6', text: 'in person, with an ID                         (you confirm)' },
};

/** How the screen calls a task, in the middle of a sentence. */
export const TASK_WORDS: Readonly<Record<DeskTask, string>> = {
  reset: 'reset the second step',
  unlock: 'unlock the account',
  codes: 'make new backup codes',
  disable: 'switch the second step off',
};

/** What the caller hears when it is done. */
export const SAY_DONE: Readonly<Record<DeskTask, string>> = {
  reset:
    'Sign in with your password. Then open Settings, Security, and set the second step up anew: you will see a square picture. Scan it with the app on the new phone, and type the digits it shows.',
  unlock: 'Please try again now: your password, then the digits that the app shows at this moment.',
  codes: 'These are your new backup codes. The old ones do not work any more. Keep the sheet at a safe place.',
  disable: 'From now on your password alone opens your account. Please set the second step up again soon.',
};

/** What a diagnosis means, what the caller hears, and what comes next. */
export interface VerdictWords {
  readonly means: string;
  readonly say: string;
  readonly next: DeskTask | 'expert' | null;
}

/** The verdicts of `mfa explain` in plain words. */
export const VERDICT_WORDS: Readonly<Record<string, VerdictWords>> = {
  account_inactive: {
    means: 'The whole account is switched off. The second step has nothing to do with it.',
    say: 'Your account is switched off. I pass this on to those who can look at it.',
    next: 'expert',
  },
  locked: {
    means: 'The account is locked for some time, after too many wrong tries.',
    say: 'Your account is locked for a while. I can unlock it, once I know that it is you.',
    next: 'unlock',
  },
  blocked: {
    means: 'Too many wrong codes were given: for some time none is looked at, not even a right one.',
    say: 'Too many codes were wrong, so there is a pause. I can end it, once I know that it is you.',
    next: 'unlock',
  },
  secret_unusable: {
    means: 'What is stored for this person is broken: no code can ever be right.',
    say: 'It is not your mistake. We have to set the second step up anew.',
    next: 'reset',
  },
  secret_missing: {
    means: 'The second step is on, but nothing is stored for it: no code can ever be right.',
    say: 'It is not your mistake. We have to set the second step up anew.',
    next: 'reset',
  },
  required_not_enrolled: {
    means: 'An administrator must have a second step, and has none: the login refuses.',
    say: 'I have to pass this on to my colleagues.',
    next: 'expert',
  },
  half_enrolled: {
    means: 'The square picture was shown once, but the first digits were never typed: the second step is not on yet.',
    say: 'Throw the entry in your app away. Open Settings, Security, and begin again with a new square picture.',
    next: null,
  },
  no_factor: {
    means: 'This account has no second step. Who is asked for digits is at another account.',
    say: 'With which e-mail do you sign in? This account asks for no digits.',
    next: null,
  },
  replayed: {
    means: 'The digits are right, but were used before. If the caller did not, somebody else read them: take care.',
    say: 'Each code works once. Wait until the app shows new digits, and type those.',
    next: null,
  },
  backup_code: {
    means: 'It is one of the backup codes, a good one. It is used up now.',
    say: 'That was a backup code, and it is used up now. Please use the next one on your sheet.',
    next: null,
  },
  code_right: {
    means: 'The code is right. So the digits are not the cause.',
    say: 'Your code is right. Wait for the next digits, and type them slowly. Is it the right e-mail on the page?',
    next: null,
  },
  code_wrong: {
    means: 'The digits fit nothing: another entry in the app, or one that is not valid any more.',
    say: 'Is there another entry with our name in your app? Then try the digits of that one.',
    next: 'reset',
  },
  clock_slow: {
    means: 'The app is right, but the clock of the phone is slow.',
    say: 'Open the settings of your phone, date and time, and let it set the time by itself. Then try again.',
    next: null,
  },
  clock_fast: {
    means: 'The app is right, but the clock of the phone is fast.',
    say: 'Open the settings of your phone, date and time, and let it set the time by itself. Then try again.',
    next: null,
  },
  server_clock: {
    means: 'One of our own clocks is wrong, so right codes may be refused.',
    say: 'It is not your mistake: one of our machines has to be mended. We call you back.',
    next: 'expert',
  },
  nothing_found: {
    means: 'Nothing here keeps this person out.',
    say: 'Please try once more, with the digits that the app shows at this moment.',
    next: null,
  },
};
