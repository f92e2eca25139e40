import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { PotctlError } from '../kernel/errors.js';

/** The row that a secret belongs to. It is authenticated: in another row, or under another key, it does not open. */
export interface SecretPlace {
  readonly table: string;
  readonly column: string;
  readonly factorId: string;
  readonly userId: string;
}

/** Keys by their id, each of 32 bytes, the newest last. */
export type Keyring = ReadonlyMap<string, Uint8Array>;

const SHAPE = /^potctl:v1:([A-Za-z0-9._-]{1,64}):([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]{22,})$/;
const TAG_BYTES = 16;

/** What every secret that is sealed under this key begins with. */
export const prefixOf = (keyId: string): string => `potctl:v1:${keyId}:`;

/** May a key be called so? What is sealed under another name could never be read back. */
export const isKeyId = (id: string): boolean => /^[A-Za-z0-9._-]{1,64}$/.test(id);

/**
 * Seals a secret as `potctl:v1:<key id>:<nonce>:<ciphertext and tag>` (AES-256-GCM, base64url), under the newest key.
 *
 * @param nonce 12 bytes; replaced only by the test of the published vector
 * @throws E_MFA_KEY when no key is configured
 */
export function sealSecret(
  secret: Uint8Array,
  place: SecretPlace,
  keys: Keyring,
  nonce: Uint8Array = randomBytes(12),
): string {
  const newest = [...keys].at(-1);
  if (newest === undefined) throw new PotctlError('E_MFA_KEY', 'there is no key to seal a secret with');
  const [id, key] = newest;
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(place, id));
  const sealed = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  return `${prefixOf(id)}${Buffer.from(nonce).toString('base64url')}:${sealed.toString('base64url')}`;
}

/** What became of opening an envelope. */
export type Opened =
  | { readonly ok: true; readonly secret: Uint8Array; readonly keyId: string }
  | {
      readonly ok: false;
      readonly keyId: string | null;
      readonly problem: 'malformed' | 'unknown key' | 'does not open';
    };

/** Opens an envelope. Never throws: a wrong row, a wrong key and a changed byte all `do not open`. */
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

/** Each part with its length in front: 4 bytes, big-endian, then UTF-8. */
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
