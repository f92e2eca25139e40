import type { Changed } from './errors.js';
import type { Advice } from './next.js';

/** A change that has been made and stays, whatever happens next. */
export interface ChangeNote {
  readonly changed: Exclude<Changed, 'nothing'>;
  /** What exactly changed: a sentence without its full stop. */
  readonly detail?: string;
  /** Commands for somebody who did not see the result, most likely first. */
  readonly fix?: readonly Advice[];
}

/**
 * Records what a command has changed so far. A use case notes each change as soon as it is made; whatever ends the command (its result, an
 * error, a signal, a crash, output that cannot be written) reads it.
 */
export interface Changes {
  /** @param about the subject; a later note about the same subject replaces the earlier one */
  note(about: string, note: ChangeNote): void;
  /** All notes merged into one; null if there are none. */
  all(): ChangeNote | null;
}

/** Creates an empty record. */
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
