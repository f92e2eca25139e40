import type { Person } from '../../applications/application.js';
import { PotctlError } from '../../kernel/errors.js';
import type { Uses } from '../deps.js';
import { findPerson, nameOf } from '../people.js';
import { readTypedCode } from '../typed-code.js';
import { verifyCode } from '../verify.js';
import type { DeskCase } from './case.js';
import type { DeskDeps, DeskUses } from './deps.js';
import { type EmailCode, newEmailCode, readDigits } from './email-code.js';
import { flagPerson, noteProof } from './flag.js';
import { codeLetter } from './letters.js';
import {
  areEnough,
  canBeChecked,
  countOf,
  demandOf,
  MAX_FAILURES,
  type Proof,
  type ProofMethod,
  proofWords,
  stillOffered,
} from './proofs.js';

/** The result of a check. `unclear` is not counted; `gone`: this method is closed, choose another one. */
export type ProofAnswer =
  | { readonly result: 'given' | 'refused' }
  | { readonly result: 'unclear' | 'gone'; readonly why: string };

/** The colleague whom the operator named to vouch. */
export type Colleague =
  | { readonly result: 'found'; readonly name: string }
  | { readonly result: 'unclear'; readonly why: string };

type CodeMethod = 'email_code' | 'backup_code' | 'app_code';
type AttestedMethod = 'call_back' | 'colleague' | 'in_person';

/** The proofs of one call; decides whether they are enough. */
export interface Proving {
  /** How many proofs are needed in total. */
  count(): number;
  given(): readonly Proof[];
  isEnough(): boolean;
  /** False: potctl can no longer check any proof, so only an ID in person helps. */
  canBeChecked(): boolean;
  /** How many checks may still fail; at 0 the desk is closed for this person, which is recorded in the journal. */
  failuresLeft(): number;
  offered(): readonly ProofMethod[];
  /** Mails new digits to the address on file; earlier ones are no longer valid. @throws E_MAIL */
  sendDigits(): Promise<void>;
  /** Checks digits, a backup code, or a code from the app. A refused one is counted. @throws E_DB_* */
  check(method: CodeMethod, typed: string): Promise<ProofAnswer>;
  /** Whether the operator may still declare a rejected code a typo: once an hour per person. */
  mayBeMistyped(): boolean;
  /** Declares the newest rejected code a typo, so that it does not count. */
  mistyped(method: CodeMethod): Promise<void>;
  /** Finds the colleague who is to vouch. Never counts as a failure. @throws E_DB_* */
  findColleague(typed: string): Promise<Colleague>;
  /** Records a proof that the operator attests; `by`: the colleague who vouched. */
  attest(method: AttestedMethod, by?: string): void;
  /**
   * Records that the owner, a colleague or an ID showed the caller to be somebody else. The call is over: the person is flagged, and the
   * proofs of this call no longer count.
   *
   * @returns the number of the journal entry
   */
  deny(method: AttestedMethod, by?: string): Promise<string>;
}

const MOST_MAILS = 3;

/** Errors of a code check that are not the caller's fault. */
const CLOSED: readonly string[] = ['E_CLOCK', 'E_MFA_SECRET', 'E_MFA_STATE', 'E_MFA_KEY', 'E_DB_DENIED'];

const DENIED: Readonly<Record<AttestedMethod, (by: string | undefined) => string>> = {
  call_back: () => 'called back at the number on file: the owner of the account had not called',
  in_person: () => 'the ID did not belong to the person',
  colleague: (by) => `${by} was asked to vouch and said that the caller is somebody else`,
};

/** Starts without proofs, or with the ID that was checked because the desk was closed. */
export function startProving(deps: DeskDeps, call: DeskCase): Proving {
  let given: Proof[] = call.inPerson ? [{ method: 'in_person', by: null }] : [];
  const closed = new Set<ProofMethod>();
  const demand = demandOf(call.flags, call.checkable, call.denied !== null);
  let failures = call.inPerson ? 0 : call.failed;
  let mayBeMistyped = !call.mistyped;
  let denied = false;
  let sent = 0;
  let digits: EmailCode | null = null;
  const flag = (event: 'DESK_PROOFS_FAILED' | 'DESK_CALLER_DENIED', reason: string): Promise<string> =>
    flagPerson(deps, call.person, { event, reason, proofs: proofWords(given), flags: call.flags });
  const offered = (): readonly ProofMethod[] =>
    denied ? [] : stillOffered(given, demand, call.checkable).filter((one) => !closed.has(one));
  return {
    count: () => countOf(given, demand),
    offered,
    given: () => given,
    isEnough: () => !denied && areEnough(given, demand),
    canBeChecked: () => canBeChecked(given, offered()),
    failuresLeft: () => MAX_FAILURES - failures,
    mayBeMistyped: () => mayBeMistyped && failures < MAX_FAILURES,
    async mistyped(method) {
      if (!mayBeMistyped || failures === 0 || failures >= MAX_FAILURES) {
        throw new PotctlError('E_REFUSED', 'only one rejected code an hour can be declared a typo');
      }
      await noteProof(deps, call.person, method, 'mistyped');
      mayBeMistyped = false;
      failures -= 1;
    },
    async sendDigits() {
      // A caller who only knows the address must not be able to flood the mailbox.
      if (sent >= MOST_MAILS) closed.add('email_code');
      if (sent >= MOST_MAILS) throw new PotctlError('E_MAIL', `${MOST_MAILS} mails were already sent in this call`);
      sent += 1;
      digits = await mailDigits(deps, call);
    },
    async check(method, typed) {
      // Checked first: a proof that would not count must not use up a code.
      if (failures >= MAX_FAILURES || !offered().includes(method))
        return { result: 'gone', why: 'This proof is no longer available' };
      const answer = await judge(deps, call, method, typed, digits);
      if (answer.result === 'given') given.push({ method, by: null });
      if (answer.result === 'gone') closed.add(method);
      if (answer.result === 'refused') {
        failures += 1;
        await noteProof(deps, call.person, method, 'proof');
        if (failures >= MAX_FAILURES) {
          await flag('DESK_PROOFS_FAILED', `${MAX_FAILURES} checks of the caller's identity failed`);
        }
      }
      return answer;
    },
    findColleague: (typed) => findColleague(deps, call, typed),
    attest(method, by) {
      if (!offered().includes(method)) {
        throw new PotctlError('E_REFUSED', `the proof '${method}' does not count here, or was already given`);
      }
      given.push({ method, by: by ?? null });
    },
    async deny(method, by) {
      denied = true;
      const seq = await flag('DESK_CALLER_DENIED', DENIED[method](by));
      given = [];
      return seq;
    },
  };
}

async function mailDigits(
  deps: DeskUses<'database' | 'clock' | 'policy' | 'mail'>,
  { person }: DeskCase,
): Promise<EmailCode> {
  const code = newEmailCode(deps.clock);
  const { mail } = deps;
  if (mail === null || !mail.canReach(person.email))
    throw new PotctlError('E_MAIL', 'no mail can be sent: no mail server or no email address');
  await mail.send({ to: person.email, ...codeLetter(deps, code.secret.reveal()) });
  return code;
}

async function judge(
  deps: Uses<'database' | 'clock' | 'journal' | 'actor' | 'policy' | 'keys'>,
  call: DeskCase,
  method: CodeMethod,
  typed: string,
  digits: EmailCode | null,
): Promise<ProofAnswer> {
  if (method === 'email_code') return judgeDigits(digits, typed);
  return judgeCode(deps, call, method === 'app_code' ? 'totp' : 'backup', typed);
}

function judgeDigits(digits: EmailCode | null, typed: string): ProofAnswer {
  if (readDigits(typed) === null) return { result: 'unclear', why: 'That is not six digits' };
  const answer = digits?.answer(typed) ?? 'spent';
  if (answer === 'right') return { result: 'given' };
  if (answer === 'wrong') return { result: 'refused' };
  return { result: 'unclear', why: 'These digits are no longer valid: send new ones' };
}

async function judgeCode(
  deps: Uses<'database' | 'clock' | 'journal' | 'actor' | 'policy' | 'keys'>,
  { person }: DeskCase,
  wanted: 'totp' | 'backup',
  typed: string,
): Promise<ProofAnswer> {
  try {
    const { kind } = readTypedCode(typed, deps.database.application, 'allowed');
    const other = kind === 'totp' ? 'a code from the app, not a backup code' : 'a backup code, not a code from the app';
    if (kind !== wanted) return { result: 'unclear', why: `That is ${other}` };
    await verifyCode(deps, person.id, typed, { trustClock: false });
    return { result: 'given' };
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    if (error.code === 'E_USAGE') return { result: 'unclear', why: 'That does not look like a code of this kind' };
    if (error.code === 'E_CODE_REFUSED') return { result: 'refused' };
    if (error.code === 'E_MFA_BLOCKED')
      return { result: 'gone', why: 'Too many codes were rejected: no code is accepted for now' };
    if (!CLOSED.includes(error.code)) throw error;
    return { result: 'gone', why: error.message };
  }
}

/** Finds a user of the application who is neither the person nor the operator. */
async function findColleague(
  deps: Uses<'database' | 'actor'>,
  { person }: DeskCase,
  typed: string,
): Promise<Colleague> {
  const session = await deps.database.session('support.colleague');
  try {
    const colleague = await findPerson(session, deps.database.application, typed);
    if (colleague.id === person.id) return { result: 'unclear', why: 'Nobody can vouch for their own account' };
    if (isOperator(deps, colleague)) return { result: 'unclear', why: 'That is you: it must be somebody else' };
    if (colleague.active === false) return { result: 'unclear', why: 'That account is disabled' };
    return { result: 'found', name: nameOf(colleague) };
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    if (error.code === 'E_USER_NOT_FOUND')
      return { result: 'unclear', why: 'No account has that name. Check how it is spelled' };
    if (error.code === 'E_USER_AMBIGUOUS')
      return { result: 'unclear', why: 'Several accounts match: type the email address' };
    throw error;
  } finally {
    await session.close();
  }
}

function isOperator({ actor: { osUser, operator } }: Uses<'actor'>, colleague: Person): boolean {
  const names = [nameOf(colleague), colleague.email?.split('@')[0]].map((name) => name?.toLowerCase());
  return [osUser, operator, operator.split('@')[0]!].some((name) => names.includes(name.toLowerCase()));
}
