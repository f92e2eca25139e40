import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

const COST = { N: 2 ** 14, r: 8, p: 1 } as const;
const HASH_BYTES = 32;

/** `potctl$scrypt$16384$8$1$<salt>$<hash>`, both base64url; the code without its dashes is what is hashed. @see RFC 7914 */
export async function hashScrypt(code: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(code, salt);
  return `potctl$scrypt$${COST.N}$${COST.r}$${COST.p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

/** Is the code the one that was hashed? Any other text than one of ours is not. */
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
