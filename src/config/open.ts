import type { Prepared } from '../kernel/prepared.js';
import type { ConfigurationView } from './describe.js';
import type { ConfigLocation } from './discover.js';
import type { NewConfiguration } from './init.js';
import type { SettingsRequest } from './request.js';
import type { Environment } from './settings.js';
import type { Validation } from './validate.js';

/** The configuration file: found, checked, shown, written for the first time. None of it connects to anything. */
export interface Configuration {
  /** Every value in force, with its origin. */
  describe(): Promise<ConfigurationView>;
  /** Which file is used, and where one is looked for. */
  locate(): Promise<ConfigLocation>;
  /** Every mistake in it. */
  validate(): Promise<Validation>;
  /** For editors. */
  jsonSchema(): Promise<Record<string, unknown>>;
  /** The first file, from what was typed and what the environment says; `apply` writes it. */
  init(environment?: Environment): Promise<Prepared<NewConfiguration, Written>>;
}

/** `written`: is the file there now? */
type Written = NewConfiguration & { readonly written: boolean };

/** Wires what is about the configuration. Nothing is read before a use case asks for it. */
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
