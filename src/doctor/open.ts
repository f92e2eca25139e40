import type { Base } from '../host/base.js';
import type { Check } from '../kernel/check.js';

/** Checks whether backups and restores can work. */
export interface Doctor {
  /** Returns one line per check, causes before consequences. */
  examine(): Promise<readonly Check[]>;
}

/** Wires the checks. Nothing is opened before it is needed. */
export function openDoctor({ host, settings, server, repository }: Base): Doctor {
  return {
    async examine() {
      const { examine } = await import('./examine.js');
      const { observeKept, observeLeftovers } = await import('../runs/leftovers.js');
      const { describeInstalled, readSetupProblem } = await import('../journal/installed.js');
      const { clock, childEnvironment } = host;
      const leftovers = async () => observeLeftovers(await repository(), await server().catch(() => null));
      const kept = async () => observeKept(await repository(), await server().catch(() => null));
      return examine(
        { clock, childEnvironment, settings, server, repository, leftovers, kept },
        {
          problem: readSetupProblem,
          describe: describeInstalled,
        },
      );
    },
  };
}
