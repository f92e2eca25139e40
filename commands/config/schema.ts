import { itemCommand } from '../command.js';

export const configSchema = itemCommand({
  name: 'config schema',
  summary: 'print the JSON Schema of the configuration file',
  examples: ['potctl config schema', 'potctl config schema > potctl.schema.json'],
  verbatim: true,
  input: {},
  needs: [],

  async run(_input, { potctl }) {
    return (await potctl.config()).jsonSchema();
  },

  render(schema, view) {
    for (const line of JSON.stringify(schema, null, 2).split('\n')) view.raw(line);
  },
});
