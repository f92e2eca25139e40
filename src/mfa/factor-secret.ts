import type { Factor, MfaFacet, Person } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import { encodeBase32 } from './base32.js';
import type { Uses } from './deps.js';
import { openSecret, type SecretPlace, sealSecret } from './envelope.js';
import { argumentOf, nameOf } from './people.js';
import { readStoredSecret, type SecretProblem } from './stored-secret.js';

const WORDS: Readonly<Record<SecretProblem, string>> = {
  bcrypt: 'it is a bcrypt hash, which cannot produce codes: the user must enroll again',
  empty: 'it is an empty string instead of NULL: the user must enroll again',
  envelope: 'it is encrypted, but the application expects base32: the user must enroll again',
  'not base32': 'it is not a valid base32 secret: the user must enroll again',
  'too long': 'it is longer than the application accepts: the user must enroll again',
  'too short': 'it is shorter than the application accepts: the user must enroll again',
};

/** Returns the table, column and row that hold a factor's secret. */
export function placeOf({ secretColumn }: MfaFacet, factorId: string, person: Person): SecretPlace {
  return { table: secretColumn.table, column: secretColumn.column, factorId, userId: person.id };
}

/**
 * Returns the secret that a factor's codes are derived from.
 *
 * @throws E_MFA_SECRET (unusable), E_MFA_KEY (unknown key id), E_DB_DENIED (this role cannot read it)
 */
export async function secretOf(deps: Uses<'database' | 'keys'>, person: Person, factor: Factor): Promise<Uint8Array> {
  const { mfa } = deps.database.application;
  const { table, column } = mfa.secretColumn;
  if (factor.secret === undefined) {
    throw new PotctlError(
      'E_DB_DENIED',
      `this database role cannot read ${table}.${column}, so it cannot check a code`,
      {
        fix: [advice`Use a role that can, or verify identity in another way: ${potctl('support')}.`],
      },
    );
  }
  if (mfa.totp.storedAs === 'envelope' && factor.secret?.startsWith('potctl:')) {
    const opened = openSecret(factor.secret, placeOf(mfa, factor.id, person), await deps.keys());
    if (opened.ok) return opened.secret;
    if (opened.problem === 'unknown key') throw unknownKey(opened.keyId!);
    throw unusable(
      person,
      'it cannot be decrypted, because it was changed or belongs to another row: the user must enroll again',
    );
  }
  const read = readStoredSecret(factor.secret ?? '', mfa.totp);
  if (!read.usable) throw unusable(person, WORDS[read.problem]);
  return read.bytes;
}

/** Returns a new secret in the form in which the application stores it. @throws E_MFA_KEY */
export async function storedForm(
  deps: Uses<'database' | 'keys'>,
  person: Person,
  factorId: string,
  secret: Uint8Array,
): Promise<string> {
  const { mfa } = deps.database.application;
  if (mfa.totp.storedAs === 'plain') return encodeBase32(secret);
  return sealSecret(secret, placeOf(mfa, factorId, person), await deps.keys());
}

const unusable = (person: Person, why: string): PotctlError =>
  new PotctlError('E_MFA_SECRET', `the stored secret of '${nameOf(person)}' is unusable`, {
    why,
    fix: [potctl('mfa', 'reset', argumentOf(person)), potctl('mfa', 'enroll', argumentOf(person))],
  });

const unknownKey = (id: string): PotctlError =>
  new PotctlError('E_MFA_KEY', `the secret is encrypted with the key '${id}', which is not configured`, {
    fix: [
      advice`Name its file in the profile: \`mfa: { keys: { ${id}: { file: … } } }\`; ${potctl('mfa', 'check', '--keys')} counts the secrets per key.`,
    ],
  });
