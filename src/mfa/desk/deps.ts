import type { Mailer } from '../../notify/mail.js';
import type { MfaDeps } from '../deps.js';

/** What the support desk needs. */
export interface DeskDeps extends MfaDeps {
  /** null = the profile has no mail server. */
  readonly mail: Mailer | null;
}

/** The part of {@link DeskDeps} that a function needs. */
export type DeskUses<Key extends keyof DeskDeps> = Pick<DeskDeps, Key>;
