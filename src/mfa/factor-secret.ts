import type { Application, Factor, Person } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import { encodeBase32 } from './base32.js';
import type { MfaDeps } from './deps.js';
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
export function placeOf({ secretColumn }: Application, factorId: string, person: Person): SecretPlace {
  return { table: secretColumn.table, column: secretColumn.column, factorId, userId: person.id };
}

/**
 * The key behind a factor's codes.
 *
 * @throws E_MFA_SECRET (it can never work), E_MFA_KEY (unknown key id), E_DB_DENIED (this role may not read it)
 */
export async function secretOf(deps: MfaDeps, person: Person, factor: Factor): Promise<Uint8Array> {
  const { application } = deps.database;
  const { table, column } = application.secretColumn;
  if (factor.secret === undefined) {
    throw new PotctlError('E_DB_DENIED', `this role may not read ${table}.${column}, so it cannot check a code`, {
      fix: [advice`Use a role that may, or another proof of who is calling: ${potctl('support')}.`],
    });
  }
  if (application.totp.storedAs === 'envelope' && factor.secret?.startsWith('potctl:')) {
    const opened = openSecret(factor.secret, placeOf(application, factor.id, person), await deps.keys());
    if (opened.ok) return opened.secret;
    if (opened.problem === 'unknown key') throw unknownKey(opened.keyId!);
    throw unusable(person, 'it does not open: it was changed, or belongs to another row: the person must enrol again');
  }
  const read = readStoredSecret(factor.secret ?? '', application.totp);
  if (!read.usable) throw unusable(person, WORDS[read.problem]);
  return read.bytes;
}

/** A new secret as the application stores it. @throws E_MFA_KEY */
export async function storedForm(deps: MfaDeps, person: Person, factorId: string, secret: Uint8Array): Promise<string> {
  const { application } = deps.database;
  if (application.totp.storedAs === 'plain') return encodeBase32(secret);
  return sealSecret(secret, placeOf(application, factorId, person), await deps.keys());
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
