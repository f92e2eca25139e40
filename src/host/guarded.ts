import type { Prepared } from '../kernel/prepared.js';
import type { Base } from './base.js';

/**
 * Prepares a change if the profile allows it. A feature that the profile requires and potctl lacks is refused before anything is opened. A
 * protected change is refused before planning or before it is applied, as the host decides.
 *
 * @param command the change as typed, e.g. `backup create`
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
