import type { RedFlag } from '../red-flag.js';

/** A way to prove one's identity. What can be looked up or overheard (birthday, address, caller ID) does not count. */
export type ProofMethod = 'email_code' | 'backup_code' | 'app_code' | 'call_back' | 'colleague' | 'in_person';

/** Checked by potctl itself; the operator attests the others. */
const CHECKED: readonly ProofMethod[] = ['email_code', 'backup_code', 'app_code'];
const ATTESTED: readonly ProofMethod[] = ['call_back', 'colleague', 'in_person'];
/** Methods that reach the owner of the account, whoever is calling. */
const MEETS_OWNER: readonly ProofMethod[] = ['call_back', 'in_person'];

/** A proof that was given. */
export interface Proof {
  readonly method: ProofMethod;
  /** Who vouched; null = nobody else. */
  readonly by: string | null;
}

/** Failed checks, of all kinds together, that close the desk. */
export const MAX_FAILURES = 3;

const ORDINARY = 2;
const MOST = 3;

/** One set of requirements: `count` proofs by different methods, at least one of each group. */
interface Way {
  readonly count: number;
  readonly groups: readonly (readonly ProofMethod[])[];
  /** Offer the missing group first, so that a caller on the phone does not give proofs that only count together with an ID. */
  readonly missingFirst: boolean;
}

/** Identity is verified if any one of these is met. */
export type Demand = readonly Way[];

/**
 * Returns which proofs a caller has to give: two, and one more for each red flag, at most three. One must be checked by potctl, so that an
 * operator cannot just press `1`. Callers who have lost everything that can be checked need an ID in person and two more attested proofs. If
 * potctl can check nothing for an account, the ID replaces the checked proof. After the owner denied having called, one proof must reach the
 * owner: an impostor may hold the mailbox and a sheet of codes.
 *
 * @param checkable the checked methods that this person has
 */
export function demandOf(flags: readonly RedFlag[], checkable: readonly ProofMethod[], wasDenied: boolean): Demand {
  const count = Math.min(MOST, ORDINARY + flags.length);
  // An ID proves the owner anyway.
  if (checkable.length === 0) return [{ count, groups: [['in_person']], missingFirst: false }];
  return [
    { count, groups: [CHECKED, ...(wasDenied ? [MEETS_OWNER] : [])], missingFirst: false },
    { count: MOST, groups: [['in_person']], missingFirst: true },
  ];
}

const missingGroups = (given: readonly Proof[], { groups }: Way): readonly (readonly ProofMethod[])[] =>
  groups.filter((group) => !given.some(({ method }) => group.includes(method)));

/** Returns whether the proofs are enough. */
export function areEnough(given: readonly Proof[], demand: Demand): boolean {
  return demand.some((way) => given.length >= way.count && missingGroups(given, way).length === 0);
}

/** Returns how many proofs are needed in total, by the shortest way from here. */
export function countOf(given: readonly Proof[], demand: Demand): number {
  return Math.min(...demand.map((way) => Math.max(way.count, given.length + missingGroups(given, way).length)));
}

/** Returns the methods that may still be tried. No method counts twice; if only proofs of a group are missing, only that group is offered. */
export function stillOffered(
  given: readonly Proof[],
  demand: Demand,
  checkable: readonly ProofMethod[],
): readonly ProofMethod[] {
  const used = new Set(given.map(({ method }) => method));
  const helps = (method: ProofMethod, way: Way): boolean => {
    const missing = missingGroups(given, way);
    const mustFit = way.count - given.length <= missing.length || (way.missingFirst && missing.length > 0);
    return !mustFit || missing.some((group) => group.includes(method));
  };
  return [...checkable, ...ATTESTED].filter((method) => !used.has(method) && demand.some((way) => helps(method, way)));
}

/** Returns whether a proof was checked or can still be; otherwise only an ID helps. */
export function canBeChecked(given: readonly Proof[], offered: readonly ProofMethod[]): boolean {
  return [...given.map(({ method }) => method), ...offered].some((method) => CHECKED.includes(method));
}

/** Formats proofs for the journal: `email_code (checked)`, `colleague joao.reis (attested)`. */
export function proofWords(given: readonly Proof[]): string[] {
  return given.map(({ method, by }) => {
    const voucher = by === null ? '' : ` ${by}`;
    return `${method}${voucher} (${CHECKED.includes(method) ? 'checked' : 'attested'})`;
  });
}
