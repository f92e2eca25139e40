import type { ConfigurationView } from '../../src/config/describe.js';
import { advice, potctl } from '../../src/kernel/next.js';
import { flag } from '../cli/parse/options.js';
import { itemCommand } from '../command.js';

export const configShow = itemCommand({
  name: 'config show',
  summary: 'show every setting in effect',
  examples: ['potctl config show', 'potctl config show --origin -p prod', 'potctl config show --json'],
  needs: ['database', 'repository', 'files'],
  input: { origin: flag('--origin', 'show the flag, variable or line that each value comes from') },

  async run({ origin }, { potctl }): Promise<ConfigurationView & { readonly origin: boolean }> {
    return { ...(await (await potctl.config()).describe()), origin };
  },

  render({ file, profiles, values, warnings, origin }, view) {
    const rows = values.map(({ key, value, from }) => [key, value, from]);
    view.table(
      origin ? ['KEY', 'VALUE', 'ORIGIN'] : ['KEY', 'VALUE'],
      origin ? rows : rows.map((row) => row.slice(0, 2)),
    );
    view.note(file === null ? advice`no configuration file; create one: ${potctl('config', 'init')}` : `file: ${file}`);
    view.note(`profiles: ${profiles.length === 0 ? 'none' : profiles.join(', ')}`);
    for (const warning of warnings) view.note(`warning: ${warning}`);
  },
});
