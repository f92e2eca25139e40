import type { Person } from '../../applications/application.js';
import type { NextCommand } from '../../kernel/next.js';
import type { Prepared } from '../../kernel/prepared.js';
import type { Mailer } from '../../notify/mail.js';
import { type ChangePlan, type ChangeResult, plannedResult } from '../change.js';
import { codesUse } from '../codes.js';
import type { Delivery } from '../delivery.js';
import type { MfaDeps, Uses } from '../deps.js';
import type { Diagnosis } from '../diagnosis.js';
import { explainPerson } from '../explain.js';
import { reasonProblem, ticketProblem } from '../reason.js';
import { type DeskCase, findCallers, openCase, readDeskRole } from './case.js';
import type { DeskDeps } from './deps.js';
import { flagPerson } from './flag.js';
import { type MaskedPerson, maskPerson } from './mask.js';
import { proofWords } from './proofs.js';
import { type Proving, startProving } from './proving.js';
import { carryOut, type DeskTask, expertLine, phraseOf, planTask, previewTask } from './tasks.js';
import { type OwedWord, tellPeople } from './tell.js';

/** A change for a caller whose identity is verified. */
export interface DeskChange {
  readonly task: DeskTask;
  readonly call: DeskCase;
  readonly proving: Proving;
  /** As it was typed, for the record. */
  readonly reason: string;
  readonly ticket: string | null;
  /** Where new backup codes are shown. @param use what they are for; printed after a colon */
  delivery(use: string): Delivery;
}

/** What is shown before the change is made. */
export interface DeskPlan {
  readonly change: ChangePlan;
  /** What must be typed to confirm, case-insensitive: `reset ana.souza`. */
  readonly phrase: string;
}

/** An account that a caller may mean. */
export interface FoundCaller {
  readonly person: Person;
  readonly masked: MaskedPerson;
}

/** The support desk. It decides whether identity is verified and what is recorded; the terminal only asks. */
export interface SupportDesk {
  /** The database role. */
  readonly role: string;
  readonly readsSecrets: boolean;
  /** Whether a mail server is configured. */
  readonly hasMail: boolean;
  /** A regular expression that every ticket must match; null = no ticket is required. */
  readonly ticketPattern: string | null;
  /** Returns everybody whom a caller may mean, by id, email or user name. */
  find(wanted: string): Promise<readonly FoundCaller[]>;
  /** Reads the state of one person, and records the look-up. */
  look(person: Person): Promise<DeskCase>;
  /** Explains why a code is refused. @param code as typed; it is used up; null = without one @throws E_USAGE if it is not a code */
  explain(person: Person, code: string | null): Promise<Diagnosis>;
  /** Starts collecting the proofs of one call. */
  prove(call: DeskCase): Proving;
  /** Records that the operator was not convinced. @param words empty = no comment @returns the number of the journal entry */
  doubt(call: DeskCase, proving: Proving, words: string): Promise<string>;
  /** Plans a task before identity is verified, to refuse early what cannot be done. @throws as {@link previewTask} */
  preview(person: Person, task: DeskTask): Promise<ChangePlan>;
  /** Says what is wrong with a ticket or a reason; null = nothing. */
  ticketProblem(ticket: string | null): string | null;
  reasonProblem(reason: string): string | null;
  /** Plans the change; applying it records the proofs and red flags in the same journal entry. @throws as {@link carryOut} */
  change(wanted: DeskChange): Promise<Prepared<DeskPlan, ChangeResult>>;
  /** Mails the person and those who vouched. Never throws. @returns those who could not be notified */
  tell(wanted: Pick<DeskChange, 'call' | 'task' | 'proving' | 'ticket'>): Promise<readonly OwedWord[]>;
  /** Returns the command with which an SRE does the same. */
  expertLine(person: Person, task: DeskTask, ...flags: string[]): NextCommand;
}

/**
 * Opens the desk, once production is named on the command line and the journal is installed.
 *
 * @param mail null = the profile has no mail server
 * @param nextRunId gives each change a run id of its own; other records have the run id of the desk
 * @throws E_PROFILE_REQUIRED, E_SETUP_MISSING, E_DB_*
 */
export async function openDesk(mfa: MfaDeps, mail: Mailer | null, nextRunId: () => string): Promise<SupportDesk> {
  const { database, clock, journal, policy, keys, actor } = mfa;
  const deps: DeskDeps = { database, clock, journal, policy, keys, actor, mail };
  const inName = (reason: string | null, ticket: string | null, runId = actor.runId): DeskDeps => ({
    ...{ database, clock, journal, policy, keys, mail },
    actor: { ...actor, reason, ticket, runId },
  });
  return {
    role: await readDeskRole(deps),
    readsSecrets: database.readsSecrets,
    hasMail: mail !== null,
    ticketPattern: policy.ticket,
    find: async (wanted) => (await findCallers(deps, wanted)).map((person) => ({ person, masked: maskPerson(person) })),
    look: (person) => openCase(deps, person),
    explain: ({ id }, code) => explainPerson(deps, id, code),
    prove: (call) => startProving(deps, call),
    doubt: (call, proving, words) =>
      flagPerson(deps, call.person, {
        ...{ event: 'DESK_NOT_CONVINCED', proofs: proofWords(proving.given()), flags: call.flags },
        reason: words === '' ? 'the operator was not convinced' : words,
      }),
    preview: (person, task) => previewTask(deps, person, task),
    ticketProblem: (ticket) => ticketProblem(ticket, policy),
    reasonProblem,
    change: ({ reason, ticket, ...wanted }) => prepareTask(inName(reason, ticket, nextRunId()), wanted),
    tell: ({ call, task, proving, ticket }) =>
      tellPeople(inName(actor.reason, ticket), { person: call.person, action: task, proofs: proving.given() }),
    expertLine: (person, task, ...flags) => expertLine(deps, person, task, ...flags),
  };
}

async function prepareTask(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  { task, call, proving, delivery }: Omit<DeskChange, 'reason' | 'ticket'>,
): Promise<Prepared<DeskPlan, ChangeResult>> {
  const plan = await planTask(deps, call.person, task);
  const shown = () => delivery(codesUse(deps.database.application, deps.policy.codeForm));
  return {
    plan: { change: plan, phrase: phraseOf(task, plan) },
    dryRun: async () => plannedResult(plan),
    apply: () => carryOut(deps, { task, plan, call, proving, delivery: shown }),
  };
}
