import type { ImportedItem, ImportResult } from '../../src/backup/imported/import.js';
import { counted } from '../../src/kernel/counted.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { argument, flag, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import type { View } from '../ui/view.js';
import { INIT, newRepository } from './shared/init-flag.js';

/** `potctl backup import`: copies backups made by the old scripts, or by a plain pg_dump, into the repository. */
export const backupImport = actionCommand({
  name: 'backup import',
  summary: 'import dumps, archives and backups made by backup.py',
  examples: [
    'potctl backup import /var/backups/3dpot -p prod',
    'potctl backup import ./backups/backup_manifest_20261122_095046.json --repository /var/backups/potctl',
    'potctl backup import app.sql.gz --database-name app --tree storage.tar.gz -p prod',
  ],
  needs: ['database', 'repository', 'files'],
  input: {
    path: argument('<path>', 'a directory or manifest of backup.py, a dump, or a tar archive'),
    databaseName: text('--database-name <name>', 'name of the dumped database, if the dump does not contain it'),
    tree: text('--tree <archive>', 'tar archive with the files that belong to a dump without a manifest'),
    keepTop: flag('--keep-top-folder', "keep the archive's top-level directory instead of stripping it"),
    init: INIT,
  },

  async prepare(options, { potctl }) {
    return (await potctl.backup()).import(options);
  },

  render(result, view) {
    for (const item of result.items) renderItem(item, view);
    if (result.new_repository) view.note(newRepository(result));
    view.note(`${sumOf(result)}: ${result.repository}.`);
    for (const { id, state } of result.items) if (state === 'imported') view.line(id!);
  },
  changed: ({ imported }) => imported > 0,
  exitCode: ({ failed }) => (failed > 0 ? ExitCode.partial : ExitCode.ok),
});

function renderItem(item: ImportedItem, view: View): void {
  const { state, degraded_reasons: reasons } = item;
  view.note({ failed: failedText, known: knownText, planned: plannedText, imported: importedText }[state](item, view));
  for (const reason of reasons) view.note(`  ${view.paint('warn', 'degraded')}: ${reason}`);
}

const failedText = ({ name, problem }: ImportedItem, view: View): string =>
  `${view.paint('bad', 'Not imported')}: ${name}: ${problem}`;

const knownText = ({ name, id }: ImportedItem): string => `${name} is already imported as ${id}: skipped.`;

const plannedText = ({ name, taken_at: takenAt }: ImportedItem, view: View): string =>
  `Would import ${name}${takenAt === null ? '' : ` taken ${view.time(takenAt)}`}.`;

const importedText = (item: ImportedItem, view: View): string =>
  `Imported ${item.name}, taken ${view.time(item.taken_at!)}, as ${item.id}: ${contentOf(item)}.`;

function contentOf({ database, rows, files }: ImportedItem): string {
  const parts = [
    ...(database === null ? [] : [`database ${database} with ${counted(rows ?? 0, 'row')}`]),
    ...(files === null ? [] : [counted(files, 'file')]),
  ];
  return parts.join(', ');
}

function sumOf({ imported, known, failed, items }: ImportResult): string {
  if (items.some(({ state }) => state === 'planned')) return 'Nothing was changed: this was a dry run';
  return `${imported} imported, ${known} already known, ${failed} failed`;
}
