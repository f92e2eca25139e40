import type { Base } from '../host/base.js';
import { guarded } from '../host/guarded.js';
import type { SetupPlan, SetupResult } from '../journal/setup.js';
import type { Prepared } from '../kernel/prepared.js';

/** What is installed besides potctl's own schema. */
export interface SetupOptions {
  /** The tables of the reference application; default: none. */
  readonly application?: 'native' | null;
  /** Triggers on the application's tables, so that no support login changes them without the journal. */
  readonly guardWrites?: boolean;
}

/** The only thing that installs anything in the database. */
export interface Setup {
  install(options?: SetupOptions): Promise<Prepared<SetupPlan, SetupResult>>;
}

/** Wires the installation. Nothing is opened before it is asked for. */
export function openSetup(base: Base): Setup {
  const { host, settings, server } = base;
  return {
    install: ({ application = null, guardWrites = false } = {}) =>
      guarded(base, 'setup', async () => {
        const { prepareSetup } = await import('../journal/setup.js');
        const wanted = guardWrites ? (await settings()).application : null;
        const wants = { application, guardWrites: wanted, known: host.applications };
        return prepareSetup(await server(), base.nextRun(), wants);
      }),
  };
}
