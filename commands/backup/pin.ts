import { argument, momentAhead, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';

/** `potctl backup pin`: needs no server and no lock. */
export const backupPin = actionCommand({
  name: 'backup pin',
  summary: 'keep a backup whatever the policy says, with a reason',
  examples: [
    'potctl backup pin 7f3a --reason "before the move to PostgreSQL 17" -p prod',
    'potctl backup pin latest --reason audit --until 2027-06-30 -p prod',
  ],
  atomic: true,
  needs: ['database', 'repository', 'files'],
  input: {
    id: argument('<id>', 'id, unique part of it, latest or latest~1'),
    reason: text('--reason <text>', 'why it must stay; required'),
    until: momentAhead('--until <time>', 'how long: 2027-06-30, or 90d from now; default: for ever'),
    fromSet: text('--from-set <name>', 'a backup of another set than the one of this profile and database'),
  },

  async prepare({ id, fromSet, reason, until }, { potctl }) {
    return (await potctl.backup()).pin({ id, fromSet }, { reason, until });
  },

  done: ({ id }) => `the backup ${id} is pinned`,
  render({ id, pin }, view) {
    const until = pin?.until == null ? 'until it is unpinned' : `until ${view.time(pin.until)}`;
    view.note(`Backup ${id} stays ${until}: ${pin?.reason ?? ''}`);
    view.line(id);
  },
});
