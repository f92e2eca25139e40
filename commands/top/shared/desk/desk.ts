import type { Advice } from '../../../../src/kernel/next.js';
import type { SupportDesk } from '../../../../src/mfa/desk/open.js';
import type { DeskTask } from '../../../../src/mfa/desk/tasks.js';
import type { Terminal } from '../../../ui/terminal.js';
import type { Talk } from './talk.js';

/** What the calls of one session at the desk did. */
export interface Sitting {
  /** Everything that was changed or recorded, a sentence each, in order. */
  readonly done: string[];
  /** What the operator still has to do, e.g. tell a user whom no mail reached. */
  readonly owed: string[];
  readonly helped: HelpedPerson[];
}

/** One user who was helped. */
export interface HelpedPerson {
  readonly task: DeskTask;
  readonly person: string;
  readonly journal_seq: string | null;
}

/** Everything that a call works with. */
export interface Desk {
  /** Decides whether a caller's identity is verified, and records it. */
  readonly desk: SupportDesk;
  readonly talk: Talk;
  readonly sitting: Sitting;
  /** Formats a time as `15:42`, with the date if it is not today. Local time, or that of --tz. */
  clock(instant: string): string;
  /** Formats advice, its commands with the profile and flags of this command line. */
  spelled(given: Advice): string;
  uninterrupted<T>(work: () => Promise<T>): Promise<T>;
  readonly readyToShow: Terminal['readyToShow'];
  readonly showOnce: Terminal['showOnce'];
}
