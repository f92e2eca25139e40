import type { Mailer } from '../../notify/mail.js';
import type { MfaDeps } from '../deps.js';

/** What the support desk works with. */
export interface DeskDeps extends MfaDeps {
  /** null = the profile names no mail server. */
  readonly mail: Mailer | null;
}

/** What a function works with, of all that the desk has. */
export type DeskUses<Key extends keyof DeskDeps> = Pick<DeskDeps, Key>;
