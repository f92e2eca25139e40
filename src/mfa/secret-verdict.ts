import type { Factor, Person } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import type { Uses } from './deps.js';
import { secretOf } from './factor-secret.js';
import { SHORT_BITS, WEAK_BITS } from './stored-secret.js';

/**
 * Checks whether this factor's secret can verify codes.
 *
 * @returns `good`, `good, but …`, `cannot be decrypted: …` (the key is missing, the secret may be fine), or why it `never works`; `hidden` if
 * this role cannot read it; null for a factor without a secret
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
    if (bits < WEAK_BITS) return `good, but only ${bits} bits`;
    return bits < SHORT_BITS ? `good, but shorter than ${SHORT_BITS} bits` : 'good';
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    if (error.code === 'E_MFA_KEY') return `cannot be decrypted: ${error.message}`;
    if (error.code !== 'E_MFA_SECRET') throw error;
    return `never works: ${typeof error.why === 'string' ? error.why : error.message}`;
  }
}
