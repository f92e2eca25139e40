import { PotctlError } from '../../../src/errors.js';
import type { DeskCase } from '../../../src/mfa/desk/case.js';
import type { ProofMethod } from '../../../src/mfa/desk/proofs.js';
import type { Proving } from '../../../src/mfa/desk/proving.js';
import type { DeskTask } from '../../../src/mfa/desk/tasks.js';
import type { Desk } from './desk.js';
import { CallEnded } from './talk.js';
import { PROOF_WORDS } from './words.js';

const NUMBERS = ['None', 'One', 'Two', 'Three'];

/**
 * Asks for proofs until they are enough.
 *
 * @throws CallEnded: the operator is not convinced, three checks failed, or nothing is left that potctl could check
 */
export async function proveCaller(desk: Desk, call: DeskCase, task: DeskTask): Promise<Proving> {
  const { startProving } = await import('../../../src/mfa/desk/proving.js');
  const proving = startProving(desk.deps, call);
  while (!proving.isEnough()) {
    if (!proving.canBeEnough()) return nothingToCheck(desk, call, task);
    const wish = await desk.talk.choose(question(proving, call), [
      ...proving.offered().map((method) => ({ ...PROOF_WORDS[method], value: method })),
      { key: '9', text: 'I am not convinced: stop and flag the account', value: 'stop' as const },
    ]);
    if (wish === 'stop') return stop(desk, call, proving);
    await tryProof(desk, call, proving, wish);
    if (proving.failuresLeft() === 0) return endAfterFailures(desk);
  }
  desk.talk.good(`Enough: ${proving.given().length} of ${proving.needed}.`);
  return proving;
}

function question({ needed, given }: Proving, { flags }: DeskCase): string {
  const more =
    needed > 2 ? ` (two, and one more because of the ${flags.length > 1 ? 'warnings' : 'warning'} above)` : '';
  const count = `${given().length} of ${needed} so far`;
  return `Who is calling? ${NUMBERS[needed]} proofs${more}, one of them checked here. ${count}.`;
}

async function tryProof(desk: Desk, call: DeskCase, proving: Proving, method: ProofMethod): Promise<void> {
  if (method === 'call_back' || method === 'in_person') return attest(desk, proving, method);
  if (method === 'email_code' && !(await sendDigits(desk, call, proving))) return;
  explain(desk, method);
  while (proving.failuresLeft() > 0 && proving.offered().includes(method)) {
    const typed = await askFor(desk, method);
    if (typed === '') return desk.talk.line('Nothing was typed: choose another way.');
    await judge(desk, proving, method, typed);
  }
}

async function judge({ talk, sitting }: Desk, proving: Proving, method: ProofMethod, typed: string): Promise<void> {
  const answer = await proving.check(method, typed);
  if ('why' in answer) return talk.warn(`${answer.why}. Nothing was counted.`);
  if (answer.result === 'refused') {
    sitting.done.push('a failed proof was counted');
    return sayRefused({ talk }, proving, method === 'colleague' ? 'No user has that name.' : 'That is not right.');
  }
  if (method === 'backup_code') sitting.done.push('a backup code was used up as a proof');
  talk.good(method === 'colleague' ? 'a user of the application' : 'right');
}

function sayRefused({ talk }: Pick<Desk, 'talk'>, proving: Proving, what: string): void {
  const left = proving.failuresLeft();
  talk.bad(`${what} ${left === 0 ? '' : `${left} ${left === 1 ? 'try' : 'tries'} left for this person.`}`.trim());
}

async function sendDigits({ talk }: Desk, { masked }: DeskCase, proving: Proving): Promise<boolean> {
  try {
    await proving.sendDigits();
  } catch (error) {
    if (!(error instanceof PotctlError) || error.code !== 'E_MAIL') throw error;
    const problem = typeof error.why === 'object' ? String(error.why['problem']) : error.message;
    talk.bad(`The mail could not be sent (${problem}). Choose another way, or try once more.`);
    return false;
  }
  talk.good(`sent to ${masked.email}, valid 10 minutes`);
  talk.say('You get a mail from us now. Read me the six digits in it.');
  return true;
}

function explain({ talk }: Desk, method: ProofMethod): void {
  if (method === 'backup_code')
    talk.say('Read me one of the backup codes that you have not used yet. It is used up then.');
  if (method === 'app_code') talk.say('Open the app on the old phone, and read me the six digits that it shows now.');
  if (method !== 'colleague') return;
  talk.line('Call the colleague yourself, at the number in your own directory.');
  talk.line('It must be somebody who knows the caller, and who says so.');
}

async function askFor({ talk }: Desk, method: ProofMethod): Promise<string> {
  if (method === 'email_code') return talk.ask('Digits');
  if (method === 'colleague') return talk.ask('Who vouches? E-mail or user name');
  return talk.askHidden(method === 'backup_code' ? 'Backup code (not shown)' : 'Digits (not shown)');
}

async function attest(desk: Desk, proving: Proving, method: 'call_back' | 'in_person'): Promise<void> {
  const { talk } = desk;
  if (method === 'call_back') {
    talk.say('I hang up now, and call you back at the number that we have on file.');
    talk.line('Take the number from your own directory, never from the caller.');
  }
  const answer = await talk.choose(
    method === 'call_back'
      ? 'Did that very person answer there?'
      : 'Is the person beside you, and do name and picture of the ID fit?',
    [
      { key: '1', text: 'yes', value: 'yes' },
      { key: '2', text: 'no: it was somebody else', value: 'no' },
      { key: '3', text: 'it was not possible: choose another way', value: 'skip' },
    ],
  );
  if (answer === 'skip') return;
  if (answer === 'yes') {
    proving.attest(method);
    return talk.good('noted, in your name');
  }
  await proving.refuse(method);
  desk.sitting.done.push('a failed proof was counted');
  sayRefused(desk, proving, 'Then it is no proof.');
}

async function stop({ deps, talk, sitting }: Desk, call: DeskCase, proving: Proving): Promise<never> {
  const { flagPerson } = await import('../../../src/mfa/desk/flag.js');
  const { proofWords } = await import('../../../src/mfa/desk/proofs.js');
  const typed = await talk.ask('What made you doubt? (for the record)');
  const seq = await flagPerson(deps, call.person, {
    ...{ event: 'DESK_NOT_CONVINCED', proofs: proofWords(proving.given()), flags: call.flags },
    reason: typed === '' ? 'the operator was not convinced' : typed,
  });
  sitting.done.push(`an account was flagged (journal ${seq})`);
  talk.good(`Flagged (journal ${seq}). Nothing else was changed.`);
  talk.say('I cannot do this on the phone. Please come by in person with an ID. Thank you for calling.');
  throw new CallEnded();
}

function endAfterFailures({ talk, sitting }: Desk): never {
  sitting.done.push('an account was flagged after three failed proofs');
  talk.line();
  talk.bad('Three checks failed: the desk ends for this person, for one hour, and the account is flagged.');
  talk.say('I cannot go on now. Please come by in person with an ID.');
  throw new CallEnded();
}

async function nothingToCheck({ deps, talk }: Desk, call: DeskCase, task: DeskTask): Promise<never> {
  const { expertLine } = await import('../../../src/mfa/desk/tasks.js');
  talk.line();
  talk.bad('There is nothing left that potctl itself could check, so it cannot be done at the desk:');
  for (const text of call.missing) talk.line(`  · ${text}`);
  talk.line('An SRE, who knows the person or sees an ID, types:');
  talk.line(`  ${expertLine(deps, call.person, task)}`);
  talk.say('I have to pass this on to my colleagues. They call you back.');
  throw new CallEnded();
}
