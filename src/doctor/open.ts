import type { Base } from '../host/base.js';
import type { Check } from '../kernel/check.js';

/** Whether tonight's backup and tomorrow's restore can work. */
export interface Doctor {
  /** One line per check, causes before what depends on them. */
  examine(): Promise<readonly Check[]>;
}

/** Wires the examination. Nothing is opened before it is asked for. */
export function openDoctor({ host, settings, server, repository }: Base): Doctor {
  return {
    async examine() {
      const { examine } = await import('./examine.js');
      const { observeLeftovers } = await import('../runs/leftovers.js');
      const { readSetupProblem } = await import('../journal/installed.js');
      const { clock, childEnvironment } = host;
      const leftovers = async () => observeLeftovers(await repository(), await server().catch(() => null));
      return examine({ clock, childEnvironment, settings, server, repository, leftovers }, readSetupProblem);
    },
  };
}
