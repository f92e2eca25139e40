import { argument, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';

/** `potctl backup unpin`: the policy decides again. */
export const backupUnpin = actionCommand({
  name: 'backup unpin',
  summary: 'let the policy decide about a pinned backup again',
  examples: ['potctl backup unpin 7f3a -p prod', 'potctl backup unpin 7f3a --reason "audit is over" -p prod'],
  atomic: true,
  needs: ['database', 'repository', 'files'],
  input: {
    id: argument('<id>', 'id, unique part of it, latest or latest~1'),
    reason: text('--reason <text>', 'why, for the record'),
    fromSet: text('--from-set <name>', 'a backup of another set than the one of this profile and database'),
  },

  async prepare({ id, fromSet, reason }, { potctl }) {
    return (await potctl.backup()).unpin({ id, fromSet }, { reason });
  },

  render({ id, before }, view) {
    view.note(
      before === null ? `Backup ${id} was not pinned.` : `Backup ${id} is not pinned any more: ${before.reason}`,
    );
    view.line(id);
  },
  changed: ({ before }) => before !== null,
  done: ({ id }) => `the backup ${id} is not pinned any more`,
});
