import type { RedFlag } from '../red-flag.js';

/** A way to prove who is calling. What can be looked up or overheard (birthday, address, caller ID) is not one. */
export type ProofMethod = 'email_code' | 'backup_code' | 'app_code' | 'call_back' | 'colleague' | 'in_person';

/** What potctl itself checks; the operator vouches for the others. */
const CHECKED: readonly ProofMethod[] = ['email_code', 'backup_code', 'app_code'];
const ATTESTED: readonly ProofMethod[] = ['call_back', 'colleague', 'in_person'];
/** What reaches the owner of the account, whoever is calling. */
const MEETS_OWNER: readonly ProofMethod[] = ['call_back', 'in_person'];

/** A proof that was given. */
export interface Proof {
  readonly method: ProofMethod;
  /** Who vouched; null = nobody else. */
  readonly by: string | null;
}

/** How many checks may fail, of all kinds together. */
export const MAX_FAILURES = 3;

const ORDINARY = 2;
const MOST = 3;

/** One way to be believed: so many proofs, each of another method, and of every group at least one. */
interface Way {
  readonly count: number;
  readonly groups: readonly (readonly ProofMethod[])[];
  /** What is missing comes first: nobody on the phone proves what only counts beside an ID. */
  readonly missingFirst: boolean;
}

/** What is enough: any of these ways. */
export type Demand = readonly Way[];

/**
 * What a caller has to give: two proofs, and one more for each red flag, at most three. One must be checked by potctl, so that nobody can
 * just press `1`; whoever has lost all that can be checked comes in person with an ID, and two attested proofs more. Where potctl can check
 * none from the start, the ID takes the place of the checked one. After the owner denied having called, one must reach the owner: whoever
 * holds a mailbox and a sheet of codes is not believed again.
 *
 * @param checkable the checked methods that this person has
 */
export function demandOf(flags: readonly RedFlag[], checkable: readonly ProofMethod[], wasDenied: boolean): Demand {
  const count = Math.min(MOST, ORDINARY + flags.length);
  // An ID reaches the owner anyway.
  if (checkable.length === 0) return [{ count, groups: [['in_person']], missingFirst: false }];
  return [
    { count, groups: [CHECKED, ...(wasDenied ? [MEETS_OWNER] : [])], missingFirst: false },
    { count: MOST, groups: [['in_person']], missingFirst: true },
  ];
}

const missingGroups = (given: readonly Proof[], { groups }: Way): readonly (readonly ProofMethod[])[] =>
  groups.filter((group) => !given.some(({ method }) => group.includes(method)));

/** Are these enough? */
export function areEnough(given: readonly Proof[], demand: Demand): boolean {
  return demand.some((way) => given.length >= way.count && missingGroups(given, way).length === 0);
}

/** How many there must be in the end, by the shortest way from here. */
export function countOf(given: readonly Proof[], demand: Demand): number {
  return Math.min(...demand.map((way) => Math.max(way.count, given.length + missingGroups(given, way).length)));
}

/** What may still be tried. No method counts twice, and where only those of a group are missing, no other helps. */
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

/** Was one checked, or can one still be? Otherwise only an ID helps. */
export function canBeChecked(given: readonly Proof[], offered: readonly ProofMethod[]): boolean {
  return [...given.map(({ method }) => method), ...offered].some((method) => CHECKED.includes(method));
}

/** For the record: `email_code (checked)`, `colleague joao.reis (attested)`. */
export function proofWords(given: readonly Proof[]): string[] {
  return given.map(({ method, by }) => {
    const voucher = by === null ? '' : ` ${by}`;
    return `${method}${voucher} (${CHECKED.includes(method) ? 'checked' : 'attested'})`;
  });
}
