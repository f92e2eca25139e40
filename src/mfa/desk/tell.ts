import type { Person } from '../../applications/application.js';
import { PotctlError } from '../../kernel/errors.js';
import type { Letter } from '../../notify/mail.js';
import type { Uses } from '../deps.js';
import type { Action } from '../guard.js';
import { findPerson, keyOf, nameOf } from '../people.js';
import type { DeskUses } from './deps.js';
import { doneLetter, voucherLetter } from './letters.js';
import { maskPerson } from './mask.js';
import type { Proof } from './proofs.js';

/** A person who should have been notified and was not. */
export interface OwedWord {
  readonly name: string;
  readonly email: string | null;
  readonly why: string;
}

/** What was done, for those who must be notified. */
export interface DoneFacts {
  readonly person: Person;
  readonly action: Action;
  readonly proofs: readonly Proof[];
}

/**
 * Mails the person and the colleagues who vouched. Every attempt is recorded in the journal, failed ones too. Never throws, since the change
 * is already made.
 *
 * @returns those who could not be notified
 */
export async function tellPeople(
  deps: DeskUses<'database' | 'clock' | 'journal' | 'actor' | 'policy' | 'mail'>,
  { person, action, proofs }: DoneFacts,
): Promise<readonly OwedWord[]> {
  if (deps.mail === null) return [];
  const { ticket } = deps.actor;
  const owed = [await tell(deps, person, doneLetter(deps, action, ticket), `mfa.${action}`)];
  for (const { by } of proofs) {
    if (by !== null) owed.push(await tellVoucher(deps, by, person, action));
  }
  return owed.filter((one) => one !== null);
}

async function tellVoucher(
  deps: DeskUses<'database' | 'journal' | 'actor' | 'policy' | 'mail'>,
  by: string,
  person: Person,
  action: Action,
): Promise<OwedWord | null> {
  const colleague = await find(deps, by).catch((error: unknown) => reasonOf(error));
  if (typeof colleague === 'string') return { name: by, email: null, why: colleague };
  return tell(deps, colleague, voucherLetter(deps, person, deps.actor.ticket), `vouching for mfa.${action}`);
}

async function tell(
  deps: DeskUses<'database' | 'journal' | 'actor' | 'mail'>,
  person: Person,
  words: Omit<Letter, 'to'>,
  about: string,
): Promise<OwedWord | null> {
  const problem = await post(deps, person, words);
  const noted = await note(deps, person, about, problem).catch((error: unknown) => reasonOf(error));
  const why = problem ?? (noted === null ? null : `the mail was sent, but not recorded in the journal: ${noted}`);
  const { name, email } = maskPerson(person);
  return why === null ? null : { name, email, why };
}

async function post({ mail }: DeskUses<'mail'>, { email }: Person, words: Omit<Letter, 'to'>): Promise<string | null> {
  if (!mail!.canReach(email)) return 'there is no email address on file';
  return mail!.send({ to: email, ...words }).then(
    () => null,
    (error: unknown) => reasonOf(error),
  );
}

async function note(
  deps: Uses<'database' | 'journal' | 'actor'>,
  person: Person,
  about: string,
  problem: string | null,
): Promise<null> {
  const { journal, database, actor } = deps;
  const { operator, ticket, runId, traceId } = actor;
  const session = await database.session('mfa.notify');
  try {
    await journal.append(session, {
      ...{ operator, ticket, runId, traceId, action: 'mfa.notify', reason: `notification of ${about}` },
      ...{ target: keyOf(database.application, person), status: problem === null ? 'done' : 'failed' },
      details: { person: nameOf(person), by: 'email', ...(problem !== null && { problem }) },
    });
    return null;
  } finally {
    await session.close();
  }
}

async function find({ database }: Uses<'database'>, name: string): Promise<Person> {
  const session = await database.session('support.colleague');
  try {
    return await findPerson(session, database.application, name);
  } finally {
    await session.close();
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof PotctlError)) return error instanceof Error ? error.message : String(error);
  const { why, message } = error;
  const problem = typeof why === 'object' ? why['problem'] : why;
  return problem === undefined ? message : `${message}: ${String(problem)}`;
}
