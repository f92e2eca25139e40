import { itemCommand } from '../command.js';

export const configSchema = itemCommand({
  name: 'config schema',
  summary: 'JSON Schema of the configuration file, for editors',
  examples: ['potctl config schema', 'potctl config schema > potctl.schema.json'],
  input: {},
  needs: [],

  async run(): Promise<Record<string, unknown>> {
    const { configJsonSchema } = await import('../../src/config/schema.js');
    return configJsonSchema();
  },

  render(schema, view) {
    for (const line of JSON.stringify(schema, null, 2).split('\n')) view.line(line);
  },
});
