import { randomInt } from 'node:crypto';
import type { CodeKind } from '../applications/application.js';
import { hashScrypt, verifyScrypt } from './scrypt.js';
import { symbolsOf } from './typed-symbols.js';

/** How backup codes are displayed, stored and compared. */
interface CodeForm {
  readonly alphabet: string;
  /** Lengths of the groups, which are separated by dashes. */
  readonly groups: readonly number[];
  /** Entropy of one code, in bits. */
  readonly bits: number;
  /** Letters outside the alphabet, and the symbols they are mistaken for. */
  readonly alike?: Readonly<Record<string, string>>;
  store(code: string): Promise<string>;
  /** Returns whether the stored text is this code. */
  matches(code: string, stored: string): Promise<boolean>;
}

/** How many codes a user gets. */
export const CODES = 10;

const bare = (code: string): string => code.replace(/[\s-]/g, '');
const equal = async (code: string, stored: string): Promise<boolean> => bare(code) === bare(stored);
const plain = { store: async (code: string) => code, matches: equal, alphabet: '0123456789', bits: 26.6 };

const FORMS: Readonly<Record<CodeKind, CodeForm>> = {
  // 3dPot stores codes as they are shown: with a dash, or without it where its login must accept them.
  digits: { ...plain, groups: [4, 4] },
  'digits-login': { ...plain, groups: [8] },
  // VIU: bcrypt of exactly what is shown, including the dash and upper case.
  'hex-bcrypt': {
    alphabet: '0123456789ABCDEF',
    groups: [4, 4],
    bits: 32,
    store: async (code) => (await bcrypt()).hash(code, 10).then((hash) => hash.replace(/^\$2b\$/, '$2a$')),
    matches: async (code, stored) => /^\$2[aby]\$/.test(stored) && (await bcrypt()).compare(code, stored),
  },
  'crockford-scrypt': {
    alphabet: '0123456789ABCDEFGHJKMNPQRSTVWXYZ',
    groups: [4, 4, 4, 4],
    bits: 80,
    // Crockford leaves these letters out because people read them as digits.
    alike: { O: '0', I: '1', L: '1' },
    store: hashScrypt,
    matches: verifyScrypt,
  },
};

const bcrypt = async () => (await import('bcryptjs')).default;

/**
 * Makes ten different codes, in the form in which they are shown.
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

/** Returns what the application stores for these codes, in order. Hashing takes up to a second: do not call it in a transaction. */
export async function storedCodes(kind: CodeKind, codes: readonly string[]): Promise<string[]> {
  return Promise.all(codes.map((code) => FORMS[kind].store(code)));
}

/**
 * Normalizes a typed code for comparison: upper case, with dashes where the form has them.
 *
 * @returns null if it cannot be a backup code of this form, e.g. letters where only digits are allowed
 */
export function readBackupCode(kind: CodeKind, typed: string): string | null {
  const { alphabet, groups, alike = {} } = FORMS[kind];
  const symbols = [...symbolsOf(typed).toUpperCase()].map((symbol) => alike[symbol] ?? symbol);
  const length = groups.reduce((sum, group) => sum + group, 0);
  if (symbols.length !== length || symbols.some((symbol) => !alphabet.includes(symbol))) return null;
  return groups.map((group) => symbols.splice(0, group).join('')).join('-');
}

/**
 * Finds a code among the stored ones. All are compared, so that the time taken reveals nothing.
 *
 * @returns the index of the first match, −1 = none
 */
export async function findBackupCode(kind: CodeKind, code: string, stored: readonly string[]): Promise<number> {
  const hits = await Promise.all(stored.map((one) => FORMS[kind].matches(code, one)));
  return hits.indexOf(true);
}

/** Returns the entropy of one code, in bits. */
export const bitsOf = (kind: CodeKind): number => FORMS[kind].bits;
