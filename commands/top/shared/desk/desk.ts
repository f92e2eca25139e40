import type { Advice } from '../../../../src/kernel/next.js';
import type { SupportDesk } from '../../../../src/mfa/desk/open.js';
import type { DeskTask } from '../../../../src/mfa/desk/tasks.js';
import type { Terminal } from '../../../ui/terminal.js';
import type { Talk } from './talk.js';

/** The results of all calls until the desk is closed. */
export interface Sitting {
  /** Everything that was changed or recorded, one sentence each, in order. */
  readonly done: string[];
  /** What somebody still has to do, e.g. notify a person because no e-mail could be sent. */
  readonly owed: string[];
  readonly helped: HelpedPerson[];
}

/** One person who was helped. */
export interface HelpedPerson {
  readonly task: DeskTask;
  readonly person: string;
  readonly journal_seq: string | null;
}

/** What a call works with. */
export interface Desk {
  /** Decides which proofs are enough, and records it. */
  readonly desk: SupportDesk;
  readonly talk: Talk;
  readonly sitting: Sitting;
  /** Formats a time like `15:42`, with a date if it is not today. In local time unless --tz is given. */
  clock(instant: string): string;
  /** Formats advice as text; its commands repeat the target flags of this command line. */
  spelled(given: Advice): string;
  uninterrupted<T>(work: () => Promise<T>): Promise<T>;
  readonly readyToShow: Terminal['readyToShow'];
  readonly showOnce: Terminal['showOnce'];
}
