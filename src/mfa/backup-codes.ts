import { randomInt } from 'node:crypto';
import type { CodeKind } from '../applications/application.js';
import { hashScrypt, verifyScrypt } from './scrypt.js';

/** How a set of codes looks, is stored and is compared. */
interface CodeForm {
  readonly alphabet: string;
  /** Lengths of the groups; a dash stands between them. */
  readonly groups: readonly number[];
  /** Bits of one code. */
  readonly bits: number;
  /** What a person typed, as it is compared; null = it cannot be one of these. */
  read(typed: string): string | null;
  store(code: string): Promise<string>;
  /** Is the stored text this code? */
  matches(code: string, stored: string): Promise<boolean>;
}

/** How many codes a set has. */
export const CODES = 10;

const equal = async (code: string, stored: string): Promise<boolean> => code === spaceless(stored);
const spaceless = (text: string): string => text.replaceAll(' ', '').trim().toLowerCase();
const plain = { store: async (code: string) => code, matches: equal };

const FORMS: Readonly<Record<CodeKind, CodeForm>> = {
  // 3dPot removes spaces and ignores case; the dash stays significant.
  digits: { ...plain, alphabet: '0123456789', groups: [4, 4], bits: 26.6, read: (typed) => plainCode(typed) },
  'digits-login': { ...plain, alphabet: '0123456789', groups: [8], bits: 26.6, read: (typed) => plainCode(typed) },
  // VIU: bcrypt over exactly what is shown. A person on the phone may say it in lower case.
  'hex-bcrypt': {
    alphabet: '0123456789ABCDEF',
    groups: [4, 4],
    bits: 32,
    read: (typed) => /^[0-9A-F]{4}-[0-9A-F]{4}$/.exec(typed.replace(/\s/g, '').toUpperCase())?.[0] ?? null,
    store: async (code) => (await bcrypt()).hash(code, 10).then((hash) => hash.replace(/^\$2b\$/, '$2a$')),
    matches: async (code, stored) => /^\$2[aby]\$/.test(stored) && (await bcrypt()).compare(code, stored),
  },
  'crockford-scrypt': {
    alphabet: '0123456789ABCDEFGHJKMNPQRSTVWXYZ',
    groups: [4, 4, 4, 4],
    bits: 80,
    read: (typed) => crockford(typed),
    store: hashScrypt,
    matches: verifyScrypt,
  },
};

const bcrypt = async () => (await import('bcryptjs')).default;

function plainCode(typed: string): string | null {
  const code = spaceless(typed);
  return /^[0-9a-z]{4}-?[0-9a-z]{4}$/.test(code) ? code : null;
}

function crockford(typed: string): string | null {
  const code = typed.replace(/[\s-]/g, '').toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1');
  return /^[0-9A-HJKMNP-TV-Z]{16}$/.test(code) ? (code.match(/.{4}/g)?.join('-') ?? null) : null;
}

/**
 * Makes ten different codes as a person will read them.
 *
 * @param random an integer in [0, limit); cryptographic and unbiased unless a test replaces it
 */
export function makeBackupCodes(kind: CodeKind, random: (limit: number) => number = randomInt): string[] {
  const { alphabet, groups } = FORMS[kind];
  const group = (length: number): string => Array.from({ length }, () => alphabet[random(alphabet.length)]).join('');
  const codes = new Set<string>();
  while (codes.size < CODES) codes.add(groups.map(group).join('-'));
  return [...codes];
}

/** What the application stores for these codes, in their order. Takes up to a second for hashed ones: not inside a transaction. */
export async function storedCodes(kind: CodeKind, codes: readonly string[]): Promise<string[]> {
  return Promise.all(codes.map((code) => FORMS[kind].store(code)));
}

/** What was typed, as it is compared with the stored ones; null when it cannot be a backup code of this form. */
export function readBackupCode(kind: CodeKind, typed: string): string | null {
  return FORMS[kind].read(typed);
}

/**
 * Which stored code it is; every one is compared, so that the time tells nothing.
 *
 * @returns the index of the first that fits, −1 for none
 */
export async function findBackupCode(kind: CodeKind, code: string, stored: readonly string[]): Promise<number> {
  const hits = await Promise.all(stored.map((one) => FORMS[kind].matches(code, one)));
  return hits.indexOf(true);
}

/** How many bits one code has. */
export const bitsOf = (kind: CodeKind): number => FORMS[kind].bits;
