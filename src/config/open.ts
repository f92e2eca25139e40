import type { Prepared } from '../kernel/prepared.js';
import type { ConfigurationView } from './describe.js';
import type { ConfigLocation } from './discover.js';
import type { NewConfiguration } from './init.js';
import type { SettingsRequest } from './request.js';
import type { Environment } from './settings.js';
import type { Validation } from './validate.js';

/** Finds, checks, shows and creates the configuration file. None of it makes a connection. */
export interface Configuration {
  /** Every value in force, with its origin. */
  describe(): Promise<ConfigurationView>;
  /** Which file is used, and where potctl looks for one. */
  locate(): Promise<ConfigLocation>;
  /** Every mistake in the file. */
  validate(): Promise<Validation>;
  /** The JSON Schema, for editors. */
  jsonSchema(): Promise<Record<string, unknown>>;
  /** Plans the first file, from the command line and the environment; `apply` writes it. */
  init(environment?: Environment): Promise<Prepared<NewConfiguration, Written>>;
}

/** `written`: whether the file was written. */
type Written = NewConfiguration & { readonly written: boolean };

/** Wires the configuration use cases. Nothing is read before one of them runs. */
export function openConfiguration(request: SettingsRequest): Configuration {
  return {
    describe: async () => (await import('./describe.js')).describeConfiguration(request),
    locate: async () => (await import('./discover.js')).locateConfiguration(request),
    validate: async () => (await import('./validate.js')).validateConfiguration(request),
    jsonSchema: async () => (await import('./schema.js')).configJsonSchema(),
    async init(environment) {
      const { composeConfiguration, writeConfiguration } = await import('./init.js');
      const plan = await composeConfiguration(request, environment);
      return {
        plan,
        dryRun: async () => ({ ...plan, written: false }),
        async apply() {
          await writeConfiguration(plan);
          return { ...plan, written: true };
        },
      };
    },
  };
}
