import type { Factor, Person } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import type { Uses } from './deps.js';
import { secretOf } from './factor-secret.js';
import { SHORT_BITS, WEAK_BITS } from './stored-secret.js';

/**
 * Can codes of this factor ever be right?
 *
 * @returns `good`, `good, but …`, `cannot be opened: …` (the key is missing, the secret may be well), or why it `never works`; `hidden` where this role may not see it; null for a factor without a secret
 */
export async function judgeSecret(
  deps: Uses<'database' | 'keys'>,
  person: Person,
  factor: Factor,
): Promise<string | null> {
  if (factor.kind !== 'totp') return null;
  if (factor.secret === undefined) return factor.state === 'inactive' ? null : 'hidden';
  if (factor.state === 'inactive' || factor.secret === null) return factor.state === 'enabled' ? 'missing' : null;
  try {
    const bits = (await secretOf(deps, person, factor)).length * 8;
    if (bits < WEAK_BITS) return `good, but of ${bits} bits only`;
    return bits < SHORT_BITS ? `good, but shorter than ${SHORT_BITS} bits` : 'good';
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    if (error.code === 'E_MFA_KEY') return `cannot be opened: ${error.message}`;
    if (error.code !== 'E_MFA_SECRET') throw error;
    return `never works: ${typeof error.why === 'string' ? error.why : error.message}`;
  }
}
