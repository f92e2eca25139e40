import type { Prepared } from '../kernel/prepared.js';
import type { Base } from './base.js';

/**
 * Prepares a change as the profile allows it: what the profile asks for and potctl cannot do is refused before anything is opened, what it
 * protects as the host says, before it is planned or before it is made.
 *
 * @param command the change as it is typed, e.g. `backup create`
 * @throws PotctlError E_CONFIG naming the key of the profile; what `prepare` throws
 */
export async function guarded<Plan, Result>(
  { host, settings }: Pick<Base, 'host' | 'settings'>,
  command: string,
  prepare: () => Promise<Prepared<Plan, Result>>,
): Promise<Prepared<Plan, Result>> {
  const { refusals } = await settings();
  const { refuseMissingFeatures, refuseProtected } = await import('../config/unsupported.js');
  if (host.refusesProtected === 'plan') refuseProtected(refusals, command);
  for (const warning of refuseMissingFeatures(refusals, command)) host.listener.warn(warning);
  const { plan, dryRun, apply } = await prepare();
  return {
    plan,
    dryRun,
    async apply() {
      refuseProtected(refusals, command);
      return apply();
    },
  };
}
