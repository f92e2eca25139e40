import type { CreateResult } from '../../src/backup/create-request.js';
import { counted } from '../../src/kernel/counted.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { advice } from '../../src/kernel/next.js';
import { choice, count, duration, flag, list, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import type { View } from '../ui/view.js';
import { INIT, newRepository } from './shared/init-flag.js';
import { KEEP_FLAGS } from './shared/keep-flags.js';

export const backupCreate = actionCommand({
  name: 'backup create',
  summary: 'back up the database and its files together',
  examples: [
    'PGDATABASE=app potctl backup create --files ./storage --repository ./backups',
    'potctl backup create -p prod --note "before 2.0.6" --verify full',
    'potctl backup create -p prod --only db --dry-run',
    'potctl backup create -p prod --prune --keep-daily 7 --keep-weekly 4',
  ],
  atomic: true,
  needs: ['database', 'repository', 'files'],
  input: {
    only: choice('--only <part>', 'only the database or only the files', ['db', 'files']),
    databaseOnly: flag('--database-only', 'the same as --only db'),
    jobs: count('--jobs <n>', 'parallel pg_dump jobs (default: one per processor)', { min: 1, max: 128 }),
    rows: choice('--rows <how>', 'how rows are counted for the manifest', ['exact', 'estimate', 'off'], {
      default: 'exact',
    }),
    lockWait: duration('--lock-wait-timeout <duration>', 'how long pg_dump waits for a table lock', {
      default: 30_000,
    }),
    verify: choice('--verify <level>', 'verify the stored backup afterwards', ['none', 'quick', 'full'], {
      default: 'quick',
    }),
    note: text('--note <text>', 'a note stored in the manifest'),
    prune: flag('--prune', 'if the new backup is good, prune by the --keep flags or the profile'),
    ...KEEP_FLAGS,
    maxRemove: count('--max-remove <n>', 'with --prune: remove nothing (exit 3) if more than n would be removed', {
      default: 5,
    }),
    init: INIT,
    label: list('--label <name=value>', 'a label stored in the manifest; repeatable'),
  },

  async prepare(options, { potctl }) {
    return (await potctl.backup()).create({ ...options, keep: options });
  },

  render(result, view) {
    for (const reason of result.degraded_reasons) view.note(`${view.paint('warn', 'degraded')}: ${reason}`);
    if (result.new_repository) view.note(newRepository(result));
    if (result.id === null) {
      view.note(`Would back up to ${result.repository}; about ${view.bytes(result.needed_bytes)} needed.`);
      view.note('Nothing was changed: this was a dry run.');
      return;
    }
    const size = view.bytes(result.bytes_total);
    const time = view.duration(result.duration_s * 1000);
    view.note(`Backup ${result.id} is ${result.status}: ${size} in ${time}, ${result.repository}.`);
    if (result.pruned !== null) renderPruned(result.pruned, view);
    view.line(result.id);
  },
  exitCode({ status, verified, pruned }) {
    const isWhole = status !== 'degraded' && verified !== false && (pruned === null || pruned.state === 'done');
    return isWhole ? ExitCode.ok : ExitCode.partial;
  },
});

function renderPruned({ state, removed, freed_bytes, problem }: NonNullable<CreateResult['pruned']>, view: View): void {
  if (removed.length > 0)
    view.note(`Removed ${counted(removed.length, 'old backup')}, ${view.bytes(freed_bytes)}: ${removed.join(', ')}`);
  else if (state === 'done') view.note('No old backups to remove.');
  if (problem === null) return;
  const kept = state === 'skipped' ? 'Nothing was pruned' : 'The backup is good, but old backups could not be pruned';
  view.note(`${view.paint('warn', 'Warning')}: ${kept}: ${problem.message} (${problem.code})`);
  for (const one of problem.fix) view.note(advice`  ${one}`);
}
