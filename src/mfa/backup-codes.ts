import { randomInt } from 'node:crypto';
import type { CodeKind } from '../applications/application.js';
import { hashScrypt, verifyScrypt } from './scrypt.js';
import { symbolsOf } from './typed-symbols.js';

/** How a set of codes looks, is stored and is compared. */
interface CodeForm {
  readonly alphabet: string;
  /** Lengths of the groups; a dash stands between them. */
  readonly groups: readonly number[];
  /** Bits of one code. */
  readonly bits: number;
  /** Letters that are no symbols, and what people mean by them. */
  readonly alike?: Readonly<Record<string, string>>;
  store(code: string): Promise<string>;
  /** Is the stored text this code? */
  matches(code: string, stored: string): Promise<boolean>;
}

/** How many codes a set has. */
export const CODES = 10;

const bare = (code: string): string => code.replace(/[\s-]/g, '');
const equal = async (code: string, stored: string): Promise<boolean> => bare(code) === bare(stored);
const plain = { store: async (code: string) => code, matches: equal, alphabet: '0123456789', bits: 26.6 };

const FORMS: Readonly<Record<CodeKind, CodeForm>> = {
  // 3dPot keeps them as they are shown: old ones with a dash, those for its login without.
  digits: { ...plain, groups: [4, 4] },
  'digits-login': { ...plain, groups: [8] },
  // VIU: bcrypt over exactly what is shown, dash and capitals included.
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

/**
 * What was typed, as it is compared with the stored ones: in capitals and with the dashes of the form, wherever they were typed.
 *
 * @returns null when it cannot be a backup code of this form, e.g. for letters where there are only digits
 */
export function readBackupCode(kind: CodeKind, typed: string): string | null {
  const { alphabet, groups, alike = {} } = FORMS[kind];
  const symbols = [...symbolsOf(typed).toUpperCase()].map((symbol) => alike[symbol] ?? symbol);
  const length = groups.reduce((sum, group) => sum + group, 0);
  if (symbols.length !== length || symbols.some((symbol) => !alphabet.includes(symbol))) return null;
  return groups.map((group) => symbols.splice(0, group).join('')).join('-');
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
