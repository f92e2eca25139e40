import { advice, potctl } from '../../src/kernel/next.js';
import { itemCommand } from '../command.js';

export const configPath = itemCommand({
  name: 'config path',
  summary: 'which configuration file is used, and where one is looked for',
  examples: ['potctl config path', 'potctl config path --json'],
  input: {},
  needs: [],

  async run(_input, { potctl }) {
    return (await potctl.config()).locate();
  },

  render({ file, chosen_by, looked_for }, view) {
    if (file !== null) view.line(file);
    view.note(file === null ? `there is none; looked for ${looked_for.join(', then ')}` : `chosen by ${chosen_by}`);
    if (file === null) view.note(advice`Next:  ${potctl('config', 'init')}`);
  },
});
