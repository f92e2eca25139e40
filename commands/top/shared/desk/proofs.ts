import { PotctlError } from '../../../../src/kernel/errors.js';
import type { DeskCase } from '../../../../src/mfa/desk/case.js';
import type { ProofMethod } from '../../../../src/mfa/desk/proofs.js';
import type { Proving } from '../../../../src/mfa/desk/proving.js';
import type { DeskTask } from '../../../../src/mfa/desk/tasks.js';
import type { Desk } from './desk.js';
import { CallEnded } from './talk.js';
import { PROOF_WORDS } from './words.js';

const ANOTHER = 'choose another proof';

type Attested = 'call_back' | 'colleague' | 'in_person';
type Code = Exclude<ProofMethod, Attested>;

/**
 * Asks for proofs of identity until they are enough.
 *
 * @throws CallEnded if the caller is denied by the owner or a colleague, the operator is not convinced, or three checks failed
 */
export async function proveCaller(here: Desk, call: DeskCase, task: DeskTask): Promise<Proving> {
  const proving = here.desk.prove(call);
  let said = false;
  while (!proving.isEnough()) {
    if (!said && !proving.canBeChecked()) {
      await sayNothingIsChecked(here, call, task);
      said = true;
    }
    const choice = await here.talk.choose(question(proving, call), [
      ...proving.offered().map((method) => ({ ...PROOF_WORDS[method], value: method })),
      { key: '9', text: 'I am not convinced: stop and flag the account', value: 'stop' as const },
    ]);
    if (choice === 'stop') return stop(here, call, proving);
    await (isAttested(choice) ? attest(here, proving, choice) : tryCode(here, call, proving, choice));
    if (proving.failuresLeft() === 0) return endAfterFailures(here, call);
  }
  here.talk.good(`That is enough: ${proving.given().length} of ${proving.count()} proofs.`);
  return proving;
}

const isAttested = (method: ProofMethod): method is Attested =>
  ['call_back', 'colleague', 'in_person'].includes(method);

function question({ count: needed, given, canBeChecked }: Proving, { flags, denied }: DeskCase): string {
  const count = needed();
  const more =
    flags.length > 0 ? ` (one more than usual, because of the ${flags.length > 1 ? 'warnings' : 'warning'} above)` : '';
  const kinds = [
    !canBeChecked()
      ? 'One must be in person, with an ID.'
      : 'At least one must be checked by potctl; otherwise three are needed, one of them in person with an ID.',
    ...(denied === null ? [] : ['One must be a call back or in person.']),
  ];
  return `Who is calling? ${given().length} of ${count} proofs so far${more}. ${kinds.join(' ')}`;
}

async function tryCode(desk: Desk, call: DeskCase, proving: Proving, method: Code): Promise<void> {
  const { talk, sitting } = desk;
  if (method === 'email_code' && !(await sendDigits(desk, call, proving))) return;
  if (method === 'backup_code')
    talk.say('Read me one of the backup codes that you have not used yet. It will be used up.');
  if (method === 'app_code') talk.say('Open the app on the old phone, and read me the six digits that it shows now.');
  while (proving.failuresLeft() > 0 && proving.offered().includes(method)) {
    const typed = await askFor(desk, method);
    if (typed === '') return;
    const answer = await proving.check(method, typed);
    if ('why' in answer) talk.warn(`${answer.why}. This was not counted as a failure.`);
    else if (answer.result === 'refused') await refused(desk, proving, method);
    else {
      if (method === 'backup_code') sitting.done.push('a backup code was used up as a proof');
      talk.good('correct');
    }
  }
}

async function refused({ talk, sitting }: Desk, proving: Proving, method: Code): Promise<void> {
  sitting.done.push('a failed identity check was counted');
  if (proving.mayBeMistyped()) {
    const answer = await talk.choose('That is wrong. Read it back to the caller: did you type what they said?', [
      { key: '1', text: 'yes', value: 'yes' },
      { key: '2', text: 'no, I mistyped it (does not count, once per hour)', value: 'no' },
    ]);
    if (answer === 'no') {
      await proving.mistyped(method);
      return talk.line('This does not count. Type it again.');
    }
  }
  const left = proving.failuresLeft();
  if (left > 0) talk.bad(`That is wrong. ${left} ${left === 1 ? 'try' : 'tries'} left for this account.`);
}

async function sendDigits({ talk }: Desk, { masked }: DeskCase, proving: Proving): Promise<boolean> {
  try {
    await proving.sendDigits();
  } catch (error) {
    if (!(error instanceof PotctlError) || error.code !== 'E_MAIL') throw error;
    const problem = typeof error.why === 'object' ? String(error.why['problem']) : error.message;
    talk.bad(`The mail could not be sent (${problem}). Choose another proof, or try again.`);
    return false;
  }
  talk.good(`sent to ${masked.email}, valid for 10 minutes`);
  talk.say('You will get an email from us now. Read me the six digits in it.');
  return true;
}

async function askFor({ talk }: Desk, method: Code): Promise<string> {
  if (method === 'email_code') return talk.ask('Digits', ANOTHER);
  return talk.askHidden(method === 'backup_code' ? 'Backup code (not shown)' : 'Digits (not shown)', ANOTHER);
}

async function attest(desk: Desk, proving: Proving, method: Attested): Promise<void> {
  const { talk } = desk;
  const by = method === 'colleague' ? await askForColleague(desk, proving) : undefined;
  if (by === null) return;
  if (method === 'call_back') {
    talk.say('I will hang up now and call you back at the number that we have on file.');
    talk.line('Take the number from your own directory, never from the caller.');
  }
  if (method === 'colleague') talk.line(`Call ${by} yourself, at the number in your own directory.`);
  const answer = await talk.choose(WHO_ANSWERED[method], [
    { key: '1', text: 'yes', value: 'yes' },
    { key: '2', text: 'no, the caller is somebody else: end this call and flag the account', value: 'no' },
    { key: '3', text: 'could not do this: choose another proof', value: 'skip' },
  ]);
  if (answer === 'skip') return;
  if (answer === 'no') return endAfterDenial(desk, proving, method, by);
  proving.attest(method, by);
  talk.good('recorded in your name');
}

const WHO_ANSWERED: Readonly<Record<Attested, string>> = {
  call_back: 'Did the owner of the account answer, and did they just call you?',
  colleague: 'Does this colleague know the caller, and confirm that it is them?',
  in_person: 'Is the person here with you, and do the name and picture of the ID match?',
};

/** @returns null = choose another proof */
async function askForColleague({ talk }: Desk, proving: Proving): Promise<string | null> {
  talk.line('It must be somebody who knows the caller.');
  for (;;) {
    const typed = await talk.ask("Colleague's email address or user name", ANOTHER);
    if (typed === '') return null;
    const found = await proving.findColleague(typed);
    if (found.result === 'found') return found.name;
    talk.warn(`${found.why}. This was not counted as a failure.`);
  }
}

async function endAfterDenial(
  { talk, sitting }: Desk,
  proving: Proving,
  method: Attested,
  by: string | undefined,
): Promise<never> {
  const seq = await proving.deny(method, by);
  sitting.done.push(`an account was flagged (journal ${seq})`);
  talk.line();
  talk.bad(
    `The call is over. Its proofs do not count, and the account is flagged (journal ${seq}). Nothing else was changed.`,
  );
  if (method === 'call_back') talk.say('Somebody else asked for access to your account. We refused.');
  talk.line('Tell your security team now: somebody is trying to get into this account.');
  throw new CallEnded();
}

async function stop({ desk, talk, sitting }: Desk, call: DeskCase, proving: Proving): Promise<never> {
  const typed = await talk.ask('What made you doubt? One sentence for the journal', 'no comment').catch((error) => {
    throw error instanceof CallEnded ? new CallEnded('The call is over. The account was not flagged.') : error;
  });
  const seq = await desk.doubt(call, proving, typed);
  sitting.done.push(`an account was flagged (journal ${seq})`);
  talk.good(`Flagged (journal ${seq}). Nothing else was changed.`);
  talk.say('I cannot do this now. Please come in person with an ID. Thank you for calling.');
  throw new CallEnded();
}

async function endAfterFailures({ desk, talk, sitting, clock }: Desk, { person }: DeskCase): Promise<never> {
  sitting.done.push('an account was flagged after three failed identity checks');
  const { closedUntil } = await desk.look(person);
  const until = closedUntil === null ? 'an hour from now' : clock(closedUntil);
  talk.line();
  talk.bad(`Three identity checks failed. The account is flagged and cannot be helped on the phone until ${until}.`);
  talk.say(`I cannot help you now. Please call again after ${until}, or come in person with an ID.`);
  throw new CallEnded();
}

/** Says at once that only an ID in person can help, so that nobody collects proofs in vain. */
async function sayNothingIsChecked({ desk, talk, spelled }: Desk, call: DeskCase, task: DeskTask): Promise<void> {
  talk.line();
  const none = call.checkable.length === 0;
  talk.warn(`potctl cannot check ${none ? 'any proof for this account:' : 'any further proof in this call.'}`);
  for (const text of none ? call.missing : []) talk.line(`  · ${text}`);
  talk.line('You can help only in person, with an ID. On the phone, pass it on to an SRE, who can run:');
  talk.line(`  ${spelled(desk.expertLine(call.person, task))}`);
}
