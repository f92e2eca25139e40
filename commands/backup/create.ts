import { ExitCode } from '../../src/error-catalog.js';
import { actionCommand } from '../command.js';
import { createDeps } from '../dependencies.js';
import { choice, count, duration, flag, list, text } from '../options.js';

export const backupCreate = actionCommand({
  name: 'backup create',
  summary: 'back up the database and its files as one set',
  examples: [
    'PGDATABASE=app potctl backup create --files ./storage --repository ./backups',
    'potctl backup create -p prod --note "before 2.0.6" --verify full',
    'potctl backup create -p prod --only db --dry-run',
  ],
  atomic: true,
  input: {
    only: choice('--only <part>', 'only the database or only the files', ['db', 'files']),
    databaseOnly: flag('--database-only', 'the same as --only db'),
    jobs: count('--jobs <n>', 'parallel workers of pg_dump; default: one for each processor', { min: 1, max: 128 }),
    rows: choice('--rows <how>', 'row counts in the manifest', ['exact', 'estimate', 'off'], { default: 'exact' }),
    lockWait: duration('--lock-wait-timeout <duration>', 'how long pg_dump waits for a table lock', {
      default: 30_000,
    }),
    verify: choice('--verify <level>', 'check of the stored backup afterwards', ['none', 'quick', 'full'], {
      default: 'quick',
    }),
    note: text('--note <text>', 'a remark that stands in the manifest'),
    label: list('--label <name=value>', 'a label that stands in the manifest; may be repeated'),
  },

  async run(wishes, context, { dryRun }) {
    const { createBackup } = await import('../../src/backup/create.js');
    const { createRequest } = await import('../../src/backup/create-request.js');
    const request = createRequest(await context.settings(), wishes, { ...context, dryRun });
    return createBackup(await createDeps(context, request.database), request);
  },

  render(result, view) {
    for (const reason of result.degraded_reasons) view.note(`${view.paint('warn', 'degraded')}: ${reason}`);
    if (result.id === null) {
      view.note(`Would back up into ${result.repository}; about ${view.bytes(result.needed_bytes)} are needed.`);
      return;
    }
    const size = view.bytes(result.bytes_total);
    const time = view.duration(result.duration_s * 1000);
    view.note(`Backup ${result.id} is ${result.status}: ${size} in ${time}, ${result.repository}.`);
    view.line(result.id);
  },
  exitCode: ({ status, verified }) => (status === 'degraded' || verified === false ? ExitCode.partial : ExitCode.ok),
});
