import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

const COST = { N: 2 ** 14, r: 8, p: 1 } as const;
const HASH_BYTES = 32;

/** Hashes a code without its dashes, as `potctl$scrypt$16384$8$1$<salt>$<hash>`, both base64url. @see RFC 7914 */
export async function hashScrypt(code: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(code, salt);
  return `potctl$scrypt$${COST.N}$${COST.r}$${COST.p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

/** Returns whether `stored` is the hash of this code; false for any other format. */
export async function verifyScrypt(code: string, stored: string): Promise<boolean> {
  const [, salt, hash] = /^potctl\$scrypt\$16384\$8\$1\$([\w-]{22})\$([\w-]{43})$/.exec(stored) ?? [];
  const found = await derive(code, Buffer.from(salt ?? '', 'base64url'));
  const wanted = Buffer.from(hash ?? '', 'base64url');
  return wanted.length === HASH_BYTES && timingSafeEqual(found, wanted);
}

function derive(code: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(code.replaceAll('-', ''), salt, HASH_BYTES, COST, (error, hash) => (error ? reject(error) : resolve(hash)));
  });
}
