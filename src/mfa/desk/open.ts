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

/** What is to be done for a caller who proved to be the person. */
export interface DeskChange {
  readonly task: DeskTask;
  readonly call: DeskCase;
  readonly proving: Proving;
  /** As it was typed, for the record. */
  readonly reason: string;
  readonly ticket: string | null;
  /** Where new backup codes are shown. @param use what they are good for, to follow a colon */
  delivery(use: string): Delivery;
}

/** What is shown before it is done. */
export interface DeskPlan {
  readonly change: ChangePlan;
  /** What must be typed, in any case: `reset ana.souza`. */
  readonly phrase: string;
}

/** Somebody whom a caller may mean. */
export interface FoundCaller {
  readonly person: Person;
  readonly masked: MaskedPerson;
}

/** The desk for those who are on the phone. It decides who is believed, and what is noted; the face only asks. */
export interface SupportDesk {
  /** The role of the database. */
  readonly role: string;
  readonly readsSecrets: boolean;
  /** Is there a mail server to tell people through? */
  readonly hasMail: boolean;
  /** A regular expression that every ticket must fit; null = none is wanted. */
  readonly ticketPattern: string | null;
  /** Everybody whom a caller may mean: id, e-mail or user name. */
  find(wanted: string): Promise<readonly FoundCaller[]>;
  /** Looks at one person; that somebody looked is noted. */
  look(person: Person): Promise<DeskCase>;
  /** @param code as it was typed, and used up; null = without one @throws E_USAGE: that is no code */
  explain(person: Person, code: string | null): Promise<Diagnosis>;
  /** Begins to collect the proofs of one call. */
  prove(call: DeskCase): Proving;
  /** Notes that the operator was not convinced. @param words empty = no comment @returns the number in the journal */
  doubt(call: DeskCase, proving: Proving, words: string): Promise<string>;
  /** Would it be possible, and what would happen? Asked before anybody proves anything. @throws as {@link previewTask} */
  preview(person: Person, task: DeskTask): Promise<ChangePlan>;
  /** What is wrong with a ticket, or with a reason; null = nothing. */
  ticketProblem(ticket: string | null): string | null;
  reasonProblem(reason: string): string | null;
  /** Applied, it does it with the proofs and the red flags in the same entry of the journal. @throws as {@link carryOut} */
  change(wanted: DeskChange): Promise<Prepared<DeskPlan, ChangeResult>>;
  /** Tells the person, and whoever vouched, what was done. Never throws. @returns those who were not told */
  tell(wanted: Pick<DeskChange, 'call' | 'task' | 'proving' | 'ticket'>): Promise<readonly OwedWord[]>;
  /** The line with which an SRE does the same. */
  expertLine(person: Person, task: DeskTask, ...flags: string[]): NextCommand;
}

/**
 * Opens the desk: production was named, and there is a place for the record.
 *
 * @param mail null = the profile names no mail server
 * @param nextRunId each change is a run of its own; what is noted beside has the run of the desk
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
