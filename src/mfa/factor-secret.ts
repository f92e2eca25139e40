import type { Factor, MfaFacet, Person } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import { encodeBase32 } from './base32.js';
import type { Uses } from './deps.js';
import { openSecret, type SecretPlace, sealSecret } from './envelope.js';
import { argumentOf, nameOf } from './people.js';
import { readStoredSecret, type SecretProblem } from './stored-secret.js';

const WORDS: Readonly<Record<SecretProblem, string>> = {
  bcrypt: 'it is a bcrypt hash, from which no code can ever be made: the person must enrol again',
  empty: 'it is an empty text, which is not the same as none: the person must enrol again',
  envelope: 'it is sealed, but the application reads base32: the person must enrol again',
  'not base32': 'it is no base32 that could be a secret: the person must enrol again',
  'too long': 'it is longer than the application accepts: the person must enrol again',
  'too short': 'it is shorter than the application accepts: the person must enrol again',
};

/** Where the secret of a factor stands. */
export function placeOf({ secretColumn }: MfaFacet, factorId: string, person: Person): SecretPlace {
  return { table: secretColumn.table, column: secretColumn.column, factorId, userId: person.id };
}

/**
 * The key behind a factor's codes.
 *
 * @throws E_MFA_SECRET (it can never work), E_MFA_KEY (unknown key id), E_DB_DENIED (this role may not read it)
 */
export async function secretOf(deps: Uses<'database' | 'keys'>, person: Person, factor: Factor): Promise<Uint8Array> {
  const { mfa } = deps.database.application;
  const { table, column } = mfa.secretColumn;
  if (factor.secret === undefined) {
    throw new PotctlError('E_DB_DENIED', `this role may not read ${table}.${column}, so it cannot check a code`, {
      fix: [advice`Use a role that may, or another proof of who is calling: ${potctl('support')}.`],
    });
  }
  if (mfa.totp.storedAs === 'envelope' && factor.secret?.startsWith('potctl:')) {
    const opened = openSecret(factor.secret, placeOf(mfa, factor.id, person), await deps.keys());
    if (opened.ok) return opened.secret;
    if (opened.problem === 'unknown key') throw unknownKey(opened.keyId!);
    throw unusable(person, 'it does not open: it was changed, or belongs to another row: the person must enrol again');
  }
  const read = readStoredSecret(factor.secret ?? '', mfa.totp);
  if (!read.usable) throw unusable(person, WORDS[read.problem]);
  return read.bytes;
}

/** A new secret as the application stores it. @throws E_MFA_KEY */
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
  new PotctlError('E_MFA_SECRET', `the secret of '${nameOf(person)}' can never work`, {
    why,
    fix: [potctl('mfa', 'reset', argumentOf(person)), potctl('mfa', 'enroll', argumentOf(person))],
  });

const unknownKey = (id: string): PotctlError =>
  new PotctlError('E_MFA_KEY', `the secret is sealed with the key '${id}', which is not configured`, {
    fix: [
      advice`Name its file in the profile: \`mfa: { keys: { ${id}: { file: … } } }\`; ${potctl('mfa', 'check', '--keys')} counts them.`,
    ],
  });
