import type { RedFlag } from '../status.js';

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

/** What is enough: so many proofs, each of another method, and of every group at least one. */
export interface Demand {
  readonly count: number;
  readonly groups: readonly (readonly ProofMethod[])[];
}

/**
 * What a caller has to give: two proofs, and one more for each red flag, at most three. One must be checked by potctl, so that nobody can
 * just press `1`; where potctl can check none, an ID in person takes its place. After the owner denied having called, one must reach the
 * owner: whoever holds a mailbox and a sheet of codes is not believed again.
 *
 * @param checkable the checked methods that this person has
 */
export function demandOf(flags: readonly RedFlag[], checkable: readonly ProofMethod[], wasDenied: boolean): Demand {
  return {
    count: Math.min(MOST, ORDINARY + flags.length),
    groups: [checkable.length > 0 ? CHECKED : ['in_person'], ...(wasDenied ? [MEETS_OWNER] : [])],
  };
}

const missingGroups = (given: readonly Proof[], { groups }: Demand): readonly (readonly ProofMethod[])[] =>
  groups.filter((group) => !given.some(({ method }) => group.includes(method)));

/** Are these enough? */
export function areEnough(given: readonly Proof[], demand: Demand): boolean {
  return given.length >= demand.count && missingGroups(given, demand).length === 0;
}

/** What may still be tried. No method counts twice, and where only those of a group are missing, no other helps. */
export function stillOffered(
  given: readonly Proof[],
  demand: Demand,
  checkable: readonly ProofMethod[],
): readonly ProofMethod[] {
  const missing = missingGroups(given, demand);
  const used = new Set(given.map(({ method }) => method));
  const mustFit = demand.count - given.length <= missing.length;
  return [...checkable, ...ATTESTED].filter(
    (method) => !used.has(method) && (!mustFit || missing.some((group) => group.includes(method))),
  );
}

/** Can every missing group still be had? */
export function canBeEnough(given: readonly Proof[], demand: Demand, offered: readonly ProofMethod[]): boolean {
  return missingGroups(given, demand).every((group) => group.some((method) => offered.includes(method)));
}

/** For the record: `email_code (checked)`, `colleague joao.reis (attested)`. */
export function proofWords(given: readonly Proof[]): string[] {
  return given.map(({ method, by }) => {
    const voucher = by === null ? '' : ` ${by}`;
    return `${method}${voucher} (${CHECKED.includes(method) ? 'checked' : 'attested'})`;
  });
}
