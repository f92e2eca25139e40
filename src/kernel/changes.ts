import type { Changed } from './errors.js';
import type { Advice } from './next.js';

/** What is changed from now on, whatever happens next. */
export interface ChangeNote {
  readonly changed: Exclude<Changed, 'nothing'>;
  /** What exactly, in a sentence without its full stop. */
  readonly detail?: string;
  /** Commands that help whoever did not see the result, most likely first. */
  readonly fix?: readonly Advice[];
}

/**
 * The one record of what a command has changed: a use case writes it the moment it is true, and whatever ends the command (its result, an
 * error, a signal, a crash, an output that cannot be written) reads it.
 */
export interface Changes {
  /** @param about what it is about: a later note about the same replaces the earlier one */
  note(about: string, note: ChangeNote): void;
  /** Everything that was noted, as one; null: nothing. */
  all(): ChangeNote | null;
}

/** An empty record. */
export function createChanges(): Changes {
  const notes = new Map<string, ChangeNote>();
  return {
    note: (about, note) => void notes.set(about, note),
    all() {
      const found = [...notes.values()];
      if (found.length === 0) return null;
      const detail = found.flatMap((note) => note.detail ?? []).join('; ');
      return {
        changed: found.find(({ changed }) => changed !== 'complete')?.changed ?? 'complete',
        ...(detail !== '' && { detail }),
        fix: found.flatMap(({ fix = [] }) => fix),
      };
    },
  };
}
