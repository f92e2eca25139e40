import { argument, momentAhead, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';

/** `potctl backup pin`: needs no server and no lock. */
export const backupPin = actionCommand({
  name: 'backup pin',
  summary: 'pin a backup, so that no policy removes it',
  examples: [
    'potctl backup pin 7f3a --reason "before the move to PostgreSQL 17" -p prod',
    'potctl backup pin latest --reason audit --until 2027-06-30 -p prod',
  ],
  atomic: true,
  needs: ['database', 'repository', 'files'],
  input: {
    id: argument('<id>', 'backup id, a unique part of it, latest or latest~1'),
    reason: text('--reason <text>', 'why the backup must be kept; required'),
    until: momentAhead('--until <time>', 'when the pin ends: 2027-06-30, or 90d from now (default: never)'),
    fromSet: text(
      '--from-series <name>',
      "take the backup from this series (default: this profile's or database's series)",
    ),
  },

  async prepare({ id, fromSet, reason, until }, { potctl }) {
    return (await potctl.backup()).pin({ id, fromSet }, { reason, until });
  },

  done: ({ id }) => `backup ${id} is pinned`,
  render({ id, pin }, view) {
    const until = pin?.until == null ? 'until it is unpinned' : `until ${view.time(pin.until)}`;
    view.note(`Backup ${id} is kept ${until}: ${pin?.reason ?? ''}`);
    view.line(id);
  },
});
