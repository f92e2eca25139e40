import { advice } from '../../../src/kernel/next.js';
import type { OldPlan, OldThing } from '../../../src/restore/previous/plan.js';
import type { OldRemoved } from '../../../src/restore/previous/remove.js';
import type { View } from '../../ui/view.js';

/** Draws what restores kept: what would be removed, and why the rest is kept. */
export function renderOldPlan({ remove, keep, freedBytes, warnings }: OldPlan, view: View): void {
  view.heading('KEPT BY RESTORES');
  if (remove.length + keep.length > 0) {
    view.table(
      ['WHAT', 'NAME', 'RUN', 'SIZE', 'LAST WRITE', 'UNDO UNTIL', 'DECISION'],
      [...remove, ...keep].map((thing) => rowOf(thing, view)),
    );
  }
  view.line(`${remove.length} of ${remove.length + keep.length} would be removed: ${view.bytes(freedBytes)}.`);
  for (const warning of warnings) view.line(view.spelled(advice`! ${warning}`));
  if (remove.length > 0) view.line('After that, the runs that kept them can no longer be undone.');
}

/** Draws what was removed. */
export function renderOldRemoved({ state, removed, kept, failed, freedBytes, warnings }: OldRemoved, view: View): void {
  const size = view.bytes(freedBytes);
  if (state === 'planned') view.note('Nothing was changed: this was a dry run.');
  else view.note(`Removed ${removed.length}, kept ${kept.length}; ${size} freed.`);
  for (const { name, stays } of kept.slice(0, failed)) {
    view.note(`${view.paint('warn', 'Warning')}: could not remove ${name}: ${stays}`);
  }
  for (const warning of warnings) view.note(advice`! ${warning}`);
  for (const { name } of removed) view.line(name);
}

function rowOf({ kind, name, run, bytes, lastWrite, undoUntil, stays }: OldThing, view: View): string[] {
  return [
    kind,
    name,
    run ?? '–',
    bytes === null ? '–' : view.bytes(bytes),
    lastWrite === null ? '–' : view.instant(lastWrite),
    undoUntil === null ? '–' : view.instant(undoUntil),
    stays === null ? 'REMOVE' : `keep: ${stays}`,
  ];
}
