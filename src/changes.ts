import type { Changed } from './errors.js';

/** What is changed from now on, whatever happens next. */
export interface ChangeNote {
  readonly changed: Exclude<Changed, 'nothing'>;
  /** What exactly, in a sentence without its full stop. */
  readonly detail?: string;
  /** Commands that help whoever did not see the result, most likely first. */
  readonly fix?: readonly string[];
}

/**
 * The one record of what a command has changed: a use case writes it the moment it is true, and whatever ends the command (its result, an
 * error, a signal, a crash, an output that cannot be written) reads it.
 */
export interface Changes {
  /** The later note replaces the earlier one. */
  note(note: ChangeNote): void;
  /** null: nothing was noted. */
  latest(): ChangeNote | null;
}

/** An empty record. */
export function createChanges(): Changes {
  let latest: ChangeNote | null = null;
  return {
    note: (note) => {
      latest = note;
    },
    latest: () => latest,
  };
}
