import { advice, potctl } from '../../src/kernel/next.js';
import { choice } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';

/** `potctl config init`: the first file, from what was typed and what the environment says. */
export const configInit = actionCommand({
  name: 'config init',
  summary: 'write the first configuration file from these flags and PG* variables',
  examples: [
    'potctl config init',
    'potctl config init -p prod --environment production --database app --files /srv/app/storage --repository /var/backups/potctl',
    'potctl config init --dry-run',
  ],
  needs: ['database', 'repository', 'files'],
  input: {
    environment: choice(
      '--environment <name>',
      'guards and colors of the profile; default: what its name says, else development',
      ['development', 'staging', 'production'] as const,
    ),
  },
  atomic: true,

  async prepare({ environment }, { potctl }) {
    return (await potctl.config()).init(environment);
  },

  changed: ({ written }) => written,
  render({ file, profile, environment, text, written }, view) {
    if (!written) for (const line of text.trimEnd().split('\n')) view.line(line);
    else view.line(file);
    view.note(
      written
        ? `Written with the profile '${profile}', environment ${environment}. Edit it, then check it:`
        : `Nothing was written: dry run for ${file}.`,
    );
    if (written) view.note(advice`Next:  ${potctl('config', 'validate')}`);
    if (written) view.note(advice`Next:  ${{ ...potctl('doctor'), scope: { profile } }}`);
  },
});
