import type { Advice } from '../../../../src/kernel/next.js';
import type { SupportDesk } from '../../../../src/mfa/desk/open.js';
import type { DeskTask } from '../../../../src/mfa/desk/tasks.js';
import type { Terminal } from '../../../ui/terminal.js';
import type { Talk } from './talk.js';

/** What the calls of one sitting left behind. */
export interface Sitting {
  /** Everything that was changed or written down, a sentence each, in order. */
  readonly done: string[];
  /** What somebody still has to do, e.g. tell a person whom no mail reached. */
  readonly owed: string[];
  readonly helped: HelpedPerson[];
}

/** One person who was helped. */
export interface HelpedPerson {
  readonly task: DeskTask;
  readonly person: string;
  readonly journal_seq: string | null;
}

/** Everything that a call works with. */
export interface Desk {
  /** Decides who is believed, and notes it. */
  readonly desk: SupportDesk;
  readonly talk: Talk;
  readonly sitting: Sitting;
  /** A time as a clock on the wall shows it: `15:42`, on another day with its date. Local, unless --tz says otherwise. */
  clock(instant: string): string;
  /** Advice as text, its commands as this line wants them. */
  spelled(given: Advice): string;
  uninterrupted<T>(work: () => Promise<T>): Promise<T>;
  readonly readyToShow: Terminal['readyToShow'];
  readonly showOnce: Terminal['showOnce'];
}
