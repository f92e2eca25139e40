import type { ConfigurationView } from '../../src/config/describe.js';
import { advice, potctl } from '../../src/kernel/next.js';
import { flag } from '../cli/parse/options.js';
import { itemCommand } from '../command.js';

export const configShow = itemCommand({
  name: 'config show',
  summary: 'every value in force, and where it came from',
  examples: ['potctl config show', 'potctl config show --origin -p prod', 'potctl config show --json'],
  needs: ['database', 'repository', 'files'],
  input: { origin: flag('--origin', 'say for each value which flag, variable or line it came from') },

  async run({ origin }, { potctl }): Promise<ConfigurationView & { readonly origin: boolean }> {
    return { ...(await (await potctl.config()).describe()), origin };
  },

  render({ file, profiles, values, warnings, origin }, view) {
    const rows = values.map(({ key, value, from }) => [key, value, from]);
    view.table(
      origin ? ['KEY', 'VALUE', 'ORIGIN'] : ['KEY', 'VALUE'],
      origin ? rows : rows.map((row) => row.slice(0, 2)),
    );
    view.note(
      file === null ? advice`no configuration file; make the first one: ${potctl('config', 'init')}` : `file: ${file}`,
    );
    view.note(`profiles: ${profiles.length === 0 ? 'none' : profiles.join(', ')}`);
    for (const warning of warnings) view.note(`warning: ${warning}`);
  },
});
