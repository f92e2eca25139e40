import type { Base } from '../host/base.js';
import { guarded } from '../host/guarded.js';
import type { SetupPlan, SetupResult } from '../journal/setup.js';
import type { Prepared } from '../kernel/prepared.js';

/** What else to install besides potctl's own schema. */
export interface SetupOptions {
  /** Install the tables of the reference application. Default: none. */
  readonly application?: 'native' | null;
  /** Install triggers on the application's tables that refuse changes by support logins without a journal entry. */
  readonly guardWrites?: boolean;
}

/** Installs potctl's schema; nothing else in potctl installs anything in the database. */
export interface Setup {
  install(options?: SetupOptions): Promise<Prepared<SetupPlan, SetupResult>>;
}

/** Wires the setup. Nothing is opened before it is needed. */
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
