import { counted } from '../../src/kernel/counted.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { advice } from '../../src/kernel/next.js';
import type { FilesRestored, Left, LeftReason } from '../../src/restore/files/request.js';
import { choice, list, optionalArgument, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import type { View } from '../ui/view.js';

const NAMED = 10;

const REASONS: Readonly<Record<LeftReason, string>> = {
  exists: 'already exists',
  'not-newer': 'already exists and is not older',
  'other-kind': 'exists and is of another type',
  'mount-point': 'another file system is mounted there',
  repository: 'the repository is stored there',
  denied: 'permission denied',
};

/** `potctl restore files`: restores single files of a backup and leaves all others alone. */
export const restoreFiles = actionCommand({
  name: 'restore files',
  summary: 'restore single files or directories into a directory',
  examples: [
    'potctl restore files latest --path uploads/42 --to /tmp/found -p prod',
    "potctl restore files 7f3a --path '**/*.stl' --path plans --to ./found",
    'potctl restore files latest --path a.txt --to /srv/app --overwrite if-newer',
  ],
  needs: ['database', 'repository', 'files'],
  input: {
    id: optionalArgument('[id]', 'backup id, a unique part of it, latest or latest~1', { default: 'latest' }),
    path: list('--path <glob>', 'files to restore, relative to their root; repeatable'),
    to: text('--to <dir>', 'target directory; created if it does not exist'),
    overwrite: choice(
      '--overwrite <when>',
      'when to replace existing files: never, if-newer (the one in the backup was modified later) or always; replaced ones are kept',
      ['never', 'if-newer', 'always'],
      {
        default: 'never',
      },
    ),
    fromSet: text(
      '--from-series <name>',
      "take the backup from this series (default: this profile's or database's series)",
    ),
  },

  async prepare(options, { potctl }) {
    return (await potctl.restore()).files(options);
  },

  render(result, view) {
    for (const warning of result.warnings) view.note(advice`! ${warning}`);
    renderOutcome(result, view);
    renderLeft(result, view);
    for (const text of result.lost) view.note(`! ${text}`);
    if (result.state === 'planned') view.note('Nothing was changed: this was a dry run.');
    else view.raw(result.directory);
  },
  changed: ({ restored, overwritten, directories }) => restored + overwritten + directories > 0,
  exitCode: ({ obstructed, lost, state }) =>
    obstructed || (state === 'done' && lost.length > 0) ? ExitCode.partial : ExitCode.ok,
});

function renderOutcome(result: FilesRestored, view: View): void {
  const { backup, directory, matched, restored, overwritten, skipped, directories, keptIn, state } = result;
  const done = state === 'planned' ? 'Would restore' : view.paint('good', 'Restored');
  const counts = [
    counted(restored, 'file'),
    ...(directories > 0 ? [counted(directories, 'directory')] : []),
    ...(overwritten > 0 ? [`${view.count(overwritten)} replaced`] : []),
    ...(skipped > 0 ? [`${view.count(skipped)} skipped`] : []),
  ];
  view.note(`${done} from ${backup} into ${directory}: ${counts.join(', ')}.`);
  view.note(`  ${counted(matched.files, 'file')} matched, ${view.bytes(matched.bytes)}.`);
  if (keptIn !== null) view.note(`  Replaced files ${state === 'planned' ? 'will be' : 'are'} kept in ${keptIn}.`);
}

function renderLeft({ left, leftTotal }: FilesRestored, view: View): void {
  for (const one of left.slice(0, NAMED)) view.note(`  skipped: ${nameOf(one)}   ${REASONS[one.reason]}`);
  if (leftTotal > NAMED) view.note(`  and ${view.count(leftTotal - NAMED)} more; --json lists them`);
  if (left.some(({ reason }) => reason === 'exists'))
    view.note('Existing files were skipped; to replace them, use --overwrite if-newer or --overwrite always.');
  else if (left.some(({ reason }) => reason === 'not-newer'))
    view.note('Existing files were skipped; to replace all of them, use --overwrite always.');
}

function nameOf({ path, path_b64: base64 = '' }: Left): string {
  return path ?? Buffer.from(base64, 'base64').toString('latin1');
}
