import { argument, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';

/** `potctl backup unpin`: the retention policy applies to the backup again. */
export const backupUnpin = actionCommand({
  name: 'backup unpin',
  summary: 'unpin a backup, so that the policy applies again',
  examples: ['potctl backup unpin 7f3a -p prod', 'potctl backup unpin 7f3a --reason "audit is over" -p prod'],
  atomic: true,
  needs: ['database', 'repository', 'files'],
  input: {
    id: argument('<id>', 'backup id, a unique part of it, latest or latest~1'),
    reason: text('--reason <text>', 'reason to record for this change'),
    fromSet: text(
      '--from-series <name>',
      "take the backup from this series (default: this profile's or database's series)",
    ),
  },

  async prepare({ id, fromSet, reason }, { potctl }) {
    return (await potctl.backup()).unpin({ id, fromSet }, { reason });
  },

  render({ id, before }, view) {
    view.note(
      before === null
        ? `Backup ${id} was not pinned.`
        : `Backup ${id} is no longer pinned. The reason was: ${before.reason}`,
    );
    view.line(id);
  },
  changed: ({ before }) => before !== null,
  done: ({ id }) => `backup ${id} is no longer pinned`,
});
