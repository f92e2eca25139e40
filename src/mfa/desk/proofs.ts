import type { RedFlag } from '../status.js';

/** A way to prove who is calling. What can be looked up or overheard (birthday, address, caller id) is none. */
export type ProofMethod = 'email_code' | 'backup_code' | 'app_code' | 'call_back' | 'colleague' | 'in_person';

/** What potctl itself checks; the others the operator vouches for. */
export const CHECKED: readonly ProofMethod[] = ['email_code', 'backup_code', 'app_code'];
export const ATTESTED: readonly ProofMethod[] = ['call_back', 'colleague', 'in_person'];

/** A proof that was given. */
export interface Proof {
  readonly method: ProofMethod;
  /** Who vouched; null = nobody else. */
  readonly by: string | null;
}

/** So many checks may fail, of all kinds together. */
export const MAX_FAILURES = 3;

const ORDINARY = 2;
const MOST = 3;

/** How many proofs are wanted: two, and one more for each red flag, but never more than three. */
export function proofsNeeded(flags: readonly RedFlag[]): number {
  return Math.min(MOST, ORDINARY + flags.length);
}

/** Are these enough? One of them must have been checked by potctl, so that nobody can just press `y`. */
export function areEnough(given: readonly Proof[], needed: number): boolean {
  return given.length >= needed && given.some(isChecked);
}

/**
 * What may still be tried. No method counts twice, and where only a checked one is missing, no other helps.
 *
 * @param possible the checked methods that this person has
 */
export function stillOffered(
  given: readonly Proof[],
  needed: number,
  possible: readonly ProofMethod[],
): readonly ProofMethod[] {
  const used = new Set(given.map(({ method }) => method));
  const onlyChecked = given.length >= needed - 1 && !given.some(isChecked);
  const all = onlyChecked ? possible : [...possible, ...ATTESTED];
  return all.filter((method) => !used.has(method));
}

/** Without a check by potctl there is never enough: was there one, or may there still be one? */
export function canBeEnough(given: readonly Proof[], offered: readonly ProofMethod[]): boolean {
  return given.some(isChecked) || offered.some((method) => CHECKED.includes(method));
}

/** For the record: `email_code (checked)`, `colleague joao.reis (attested)`. */
export function proofWords(given: readonly Proof[]): string[] {
  return given.map((proof) => {
    const by = proof.by === null ? '' : ` ${proof.by}`;
    return `${proof.method}${by} (${isChecked(proof) ? 'checked' : 'attested'})`;
  });
}

const isChecked = ({ method }: Proof): boolean => CHECKED.includes(method);
