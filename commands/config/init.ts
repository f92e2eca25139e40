import { advice, potctl } from '../../src/kernel/next.js';
import { choice } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';

/** `potctl config init`: writes the first configuration file from the flags and the environment. */
export const configInit = actionCommand({
  name: 'config init',
  summary: 'write a configuration file from flags and PG* variables',
  examples: [
    'potctl config init',
    'potctl config init -p prod --environment production --database app --files /srv/app/storage --repository /var/backups/potctl',
    'potctl config init --dry-run',
  ],
  needs: ['database', 'repository', 'files'],
  input: {
    environment: choice(
      '--environment <name>',
      'environment of the profile (default: guessed from its name, else development)',
      ['development', 'staging', 'production'] as const,
    ),
  },
  atomic: true,

  async prepare({ environment }, { potctl }) {
    return (await potctl.config()).init(environment);
  },

  changed: ({ written }) => written,
  render({ file, profile, environment, text, written }, view) {
    if (!written) for (const line of text.trimEnd().split('\n')) view.raw(line);
    else view.raw(file);
    view.note(
      written
        ? `Written with profile '${profile}', environment ${environment}. Edit it, then check it:`
        : `Dry run: ${file} was not written.`,
    );
    if (written) view.note(advice`Next:  ${potctl('config', 'validate')}`);
    if (written) view.note(advice`Next:  ${{ ...potctl('doctor'), scope: { profile } }}`);
  },
});
