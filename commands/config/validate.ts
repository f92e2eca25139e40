import type { Problem } from '../../src/config/problems.js';
import { counted } from '../../src/kernel/counted.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { listCommand } from '../command.js';

export const configValidate = listCommand({
  name: 'config validate',
  summary: 'find every error in the configuration',
  examples: [
    'potctl config validate',
    'potctl config validate --config ./config.yaml',
    'potctl config validate -p prod',
  ],
  input: {},
  needs: [],
  columns: [
    { name: 'place', text: ({ file, line }: Problem) => (line === 0 ? file : `${file}:${line}`) },
    { name: 'problem', text: ({ problem }) => problem },
    { name: 'suggestion', text: ({ suggestion }) => suggestion ?? '' },
    { name: 'key', text: ({ key }) => key, wide: true },
  ],

  async run(_input, { potctl }) {
    const { file, profiles, problems } = await (await potctl.config()).validate();
    const checked = file === null ? 'no configuration file; checked the environment' : `checked ${file}`;
    const names = profiles.length === 0 ? '' : ` (${profiles.join(', ')})`;
    return { items: problems, footer: [`${checked}${names}: ${counted(problems.length, 'problem')}`] };
  },

  exitCode: (problems) => (problems.length === 0 ? ExitCode.ok : ExitCode.config),
});
