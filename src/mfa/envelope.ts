import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { PotctlError } from '../kernel/errors.js';

/** The row that a secret belongs to. It is authenticated, so a secret cannot be decrypted in another row or with another key. */
export interface SecretPlace {
  readonly table: string;
  readonly column: string;
  readonly factorId: string;
  readonly userId: string;
}

/** Keys by id, 32 bytes each, the newest last. */
export type Keyring = ReadonlyMap<string, Uint8Array>;

const SHAPE = /^potctl:v1:([A-Za-z0-9._-]{1,64}):([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]{22,})$/;
const TAG_BYTES = 16;

/** Returns the prefix of every secret that is encrypted with this key. */
export const prefixOf = (keyId: string): string => `potctl:v1:${keyId}:`;

/** Returns whether this is a valid key id; a secret with another one could never be decrypted. */
export const isKeyId = (id: string): boolean => /^[A-Za-z0-9._-]{1,64}$/.test(id);

/**
 * Encrypts a secret with the newest key, as `potctl:v1:<key id>:<nonce>:<ciphertext and tag>` (AES-256-GCM, base64url).
 *
 * @param nonce 12 bytes; replaced only in the test of the published vector
 * @throws E_MFA_KEY if no key is configured
 */
export function sealSecret(
  secret: Uint8Array,
  place: SecretPlace,
  keys: Keyring,
  nonce: Uint8Array = randomBytes(12),
): string {
  const newest = [...keys].at(-1);
  if (newest === undefined) throw new PotctlError('E_MFA_KEY', 'no key is configured to encrypt secrets with');
  const [id, key] = newest;
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(place, id));
  const sealed = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  return `${prefixOf(id)}${Buffer.from(nonce).toString('base64url')}:${sealed.toString('base64url')}`;
}

/** The result of decrypting a stored secret. */
export type Opened =
  | { readonly ok: true; readonly secret: Uint8Array; readonly keyId: string }
  | {
      readonly ok: false;
      readonly keyId: string | null;
      readonly problem: 'malformed' | 'unknown key' | 'does not open';
    };

/** Decrypts a stored secret. Never throws: a wrong row, a wrong key and a changed byte all give `does not open`. */
export function openSecret(text: string, place: SecretPlace, keys: Keyring): Opened {
  const [, id, nonce, sealed] = SHAPE.exec(text) ?? [];
  if (id === undefined || nonce === undefined || sealed === undefined) {
    return { ok: false, keyId: null, problem: 'malformed' };
  }
  const key = keys.get(id);
  if (key === undefined) return { ok: false, keyId: id, problem: 'unknown key' };
  const bytes = Buffer.from(sealed, 'base64url');
  try {
    const options = { authTagLength: TAG_BYTES };
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'), options);
    decipher.setAAD(associatedData(place, id)).setAuthTag(bytes.subarray(-TAG_BYTES));
    const secret = Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]);
    return { ok: true, secret, keyId: id };
  } catch {
    return { ok: false, keyId: id, problem: 'does not open' };
  }
}

/** Encodes each part in UTF-8, preceded by its length in 4 bytes, big-endian. */
function associatedData({ table, column, factorId, userId }: SecretPlace, keyId: string): Buffer {
  const parts = ['potctl', 'v1', table, column, factorId, userId, keyId].map((text) => Buffer.from(text, 'utf8'));
  return Buffer.concat(
    parts.flatMap((bytes) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
