import { ExitCode } from '../../src/kernel/error-catalog.js';
import { advice, potctl } from '../../src/kernel/next.js';
import { OLD_BACKUPS } from '../cli/parse/old-backups.js';
import { choice, optionalArgument, text } from '../cli/parse/options.js';
import { itemCommand } from '../command.js';

export const backupVerify = itemCommand({
  name: 'backup verify',
  summary: 'check a stored backup against its manifest',
  examples: [
    'potctl backup verify latest --level full -p prod',
    'potctl backup verify 7f3a --repository /var/backups/potctl',
    'potctl backup verify 20261122_095046 --backup-dir /var/backups/3dpot',
  ],
  needs: ['database', 'repository', 'files'],
  input: {
    id: optionalArgument('[id]', 'backup id, a unique part of it, latest or latest~1', { default: 'latest' }),
    ...OLD_BACKUPS,
    level: choice(
      '--level <level>',
      'quick: read every stored byte; full: unpack everything as well',
      ['quick', 'full'],
      {
        default: 'quick',
      },
    ),
    fromSet: text(
      '--from-series <name>',
      "take the backup from this series (default: this profile's or database's series)",
    ),
  },

  async run({ id, level, fromSet, backupDir }, { potctl }) {
    const report = await (await potctl.backup()).verify({ id, fromSet, backupDir }, level);
    // In JSON the name of a check has always been `check`.
    const checks = report.checks.map(({ part, name, state, detail }) => ({ part, check: name, state, detail }));
    return { ...report, checks };
  },

  render({ id, ok, level, checks, read_bytes, duration_s }, view) {
    view.table(
      ['PART', 'CHECK', 'RESULT', 'DETAIL'],
      checks.map(({ part, check, state, detail }) => [part, check, state.toUpperCase(), detail]),
    );
    const time = `${view.bytes(read_bytes)} read in ${view.duration(duration_s * 1000)}`;
    if (ok) return view.note(`Backup ${id} matches its manifest (${level}); ${time}.`);
    if (checks.every(({ state }) => state !== 'fail')) {
      return view.note(`Backup ${id} could not be checked completely; everything that was checked is good. ${time}.`);
    }
    if (checks.every(({ part, state }) => state !== 'fail' || part === 'history')) {
      view.note(`Error: the history of backup ${id} is damaged; the backup itself is good.   E_BACKUP_CORRUPT`);
      view.note('  Do:       Check the disk. The next backup or prune repairs the history from its copy.');
      return;
    }
    view.note(`Error: backup ${id} is damaged: do not restore it.   E_BACKUP_CORRUPT`);
    view.note('  Changed:  nothing in the backup; the result is recorded in its history.');
    view.note(advice`  Do:       Find an intact backup: ${potctl('backup', 'list')}`);
    view.note(advice`  More:     ${potctl('explain', 'E_BACKUP_CORRUPT')}`);
  },
  exitCode({ ok, checks }) {
    if (ok) return ExitCode.ok;
    return checks.some(({ state }) => state === 'fail') ? ExitCode.integrity : ExitCode.partial;
  },
});
