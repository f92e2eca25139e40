import { advice, potctl } from '../../src/kernel/next.js';
import { itemCommand } from '../command.js';

export const configPath = itemCommand({
  name: 'config path',
  summary: 'show which configuration file is used',
  examples: ['potctl config path', 'potctl config path --json'],
  input: {},
  needs: [],

  async run(_input, { potctl }) {
    return (await potctl.config()).locate();
  },

  render({ file, chosen_by, looked_for }, view) {
    if (file !== null) view.raw(file);
    view.note(
      file === null ? `no configuration file; looked for ${looked_for.join(', then ')}` : `chosen by ${chosen_by}`,
    );
    if (file === null) view.note(advice`Next:  ${potctl('config', 'init')}`);
  },
});
