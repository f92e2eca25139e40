import { PotctlError } from '../../errors.js';
import { findPerson, nameOf } from '../people.js';
import { readTypedCode } from '../typed-code.js';
import { verifyCode } from '../verify.js';
import type { DeskCase } from './case.js';
import type { DeskDeps } from './deps.js';
import { type EmailCode, newEmailCode, readDigits } from './email-code.js';
import { flagPerson, noteFailedProof } from './flag.js';
import { codeLetter } from './letters.js';
import {
  areEnough,
  canBeEnough,
  MAX_FAILURES,
  type Proof,
  type ProofMethod,
  proofsNeeded,
  proofWords,
  stillOffered,
} from './proofs.js';

/** What became of an answer. `unclear` counts as nothing; `gone`: this way is closed, choose another one. */
export type ProofAnswer =
  | { readonly result: 'given' | 'refused' }
  | { readonly result: 'unclear' | 'gone'; readonly why: string };

/** The proofs of one call. It alone says whether they are enough. */
export interface Proving {
  readonly needed: number;
  given(): readonly Proof[];
  isEnough(): boolean;
  /** False: nothing is left that potctl could check. */
  canBeEnough(): boolean;
  /** Checks that may still fail; at 0 the desk ends for this person, and the journal says so. */
  failuresLeft(): number;
  offered(): readonly ProofMethod[];
  /** Mails new digits to the address on file; earlier ones are worth nothing then. @throws E_MAIL */
  sendDigits(): Promise<void>;
  /** Checks digits, a backup code, a code of the app, or the name of a colleague. @throws E_DB_* */
  check(method: ProofMethod, typed: string): Promise<ProofAnswer>;
  /** The operator saw or heard it. */
  attest(method: 'call_back' | 'in_person'): void;
  /** The operator saw or heard somebody else. */
  refuse(method: 'call_back' | 'in_person'): Promise<void>;
}

const MOST_MAILS = 3;

/** Errors of a code that say nothing of the caller. */
const CLOSED: readonly string[] = ['E_CLOCK', 'E_MFA_SECRET', 'E_MFA_STATE', 'E_MFA_KEY', 'E_DB_DENIED'];

/** Begins with nothing proved. */
export function startProving(deps: DeskDeps, call: DeskCase): Proving {
  const given: Proof[] = [];
  const closed = new Set<ProofMethod>();
  const needed = proofsNeeded(call.flags);
  let failures = call.failed;
  let sent = 0;
  let digits: EmailCode | null = null;
  const failed = async (method: ProofMethod): Promise<void> => {
    failures += 1;
    await noteFailedProof(deps, call.person, method);
    if (failures < MAX_FAILURES) return;
    const reason = `${MAX_FAILURES} checks of who was calling failed`;
    await flagPerson(deps, call.person, {
      event: 'DESK_PROOFS_FAILED',
      reason,
      proofs: proofWords(given),
      flags: call.flags,
    });
  };
  const offered = (): readonly ProofMethod[] =>
    stillOffered(given, needed, call.checkable).filter((one) => !closed.has(one));
  return {
    needed,
    offered,
    given: () => given,
    isEnough: () => areEnough(given, needed),
    canBeEnough: () => canBeEnough(given, offered()),
    failuresLeft: () => MAX_FAILURES - failures,
    refuse: failed,
    attest: (method) => accept(given, offered(), { method, by: null }),
    async sendDigits() {
      // A mailbox is not to be filled by somebody who only knows the address.
      if (sent >= MOST_MAILS) closed.add('email_code');
      if (sent >= MOST_MAILS) throw new PotctlError('E_MAIL', `${MOST_MAILS} mails were sent in this call already`);
      sent += 1;
      digits = await mailDigits(deps, call);
    },
    async check(method, typed) {
      // Before anything is looked at: what would not count must not use a code up.
      if (failures >= MAX_FAILURES || !offered().includes(method)) return { result: 'gone', why: 'this way is closed' };
      const { by, ...answer } = await judge(deps, call, method, typed, digits);
      if (answer.result === 'given') accept(given, offered(), { method, by: by ?? null });
      if (answer.result === 'refused') await failed(method);
      if (answer.result === 'gone') closed.add(method);
      return answer;
    },
  };
}

function accept(given: Proof[], offered: readonly ProofMethod[], proof: Proof): void {
  if (!offered.includes(proof.method)) {
    throw new PotctlError('E_REFUSED', `the proof '${proof.method}' does not count, or not twice`);
  }
  given.push(proof);
}

async function mailDigits(deps: DeskDeps, { person }: DeskCase): Promise<EmailCode> {
  const code = newEmailCode(deps.clock);
  const { mail } = deps;
  if (mail === null || !mail.canReach(person.email))
    throw new PotctlError('E_MAIL', 'there is nobody to send a mail to');
  await mail.send({ to: person.email, ...codeLetter(deps, code.secret.reveal()) });
  return code;
}

type Judged = ProofAnswer & { readonly by?: string };

async function judge(
  deps: DeskDeps,
  call: DeskCase,
  method: ProofMethod,
  typed: string,
  digits: EmailCode | null,
): Promise<Judged> {
  if (method === 'email_code') return judgeDigits(digits, typed);
  if (method === 'colleague') return judgeColleague(deps, call, typed);
  return judgeCode(deps, call, method === 'app_code' ? 'totp' : 'backup', typed);
}

function judgeDigits(digits: EmailCode | null, typed: string): Judged {
  if (readDigits(typed) === null) return { result: 'unclear', why: 'that is not six digits' };
  const answer = digits?.answer(typed) ?? 'spent';
  if (answer === 'right') return { result: 'given' };
  if (answer === 'wrong') return { result: 'refused' };
  return { result: 'unclear', why: 'these digits are not valid any more: they can be sent anew' };
}

async function judgeCode(
  deps: DeskDeps,
  { person }: DeskCase,
  wanted: 'totp' | 'backup',
  typed: string,
): Promise<Judged> {
  try {
    const { kind } = readTypedCode(typed, deps.database.application, 'allowed');
    const other = kind === 'totp' ? 'a code of the app, not a backup code' : 'a backup code, not one of the app';
    if (kind !== wanted) return { result: 'unclear', why: `that is ${other}` };
    await verifyCode(deps, person.id, typed, { trustClock: false });
    return { result: 'given' };
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    if (error.code === 'E_USAGE') return { result: 'unclear', why: 'that is no such code' };
    if (error.code === 'E_CODE_REFUSED') return { result: 'refused' };
    if (error.code === 'E_MFA_BLOCKED')
      return { result: 'gone', why: 'too many codes were refused: none is looked at now' };
    if (!CLOSED.includes(error.code)) throw error;
    return { result: 'gone', why: error.message };
  }
}

/** A user of the application who is neither the person nor the operator. */
async function judgeColleague(deps: DeskDeps, { person }: DeskCase, typed: string): Promise<Judged> {
  const session = await deps.database.session('support.colleague');
  try {
    const colleague = await findPerson(session, deps.database.application, typed);
    const { osUser, operator } = deps.actor;
    const names = [nameOf(colleague), colleague.email?.split('@')[0]].map((name) => name?.toLowerCase());
    const isOperator = [osUser, operator, operator.split('@')[0]!].some((name) => names.includes(name.toLowerCase()));
    if (colleague.id === person.id) return { result: 'unclear', why: 'nobody vouches for their own account' };
    if (isOperator) return { result: 'unclear', why: 'that is you: it must be somebody else' };
    if (colleague.active === false) return { result: 'unclear', why: 'that account is switched off' };
    return { result: 'given', by: nameOf(colleague) };
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    if (error.code === 'E_USER_NOT_FOUND') return { result: 'refused' };
    if (error.code === 'E_USER_AMBIGUOUS') return { result: 'unclear', why: 'several users fit: give the e-mail' };
    throw error;
  } finally {
    await session.close();
  }
}
