import type { Person } from '../../../../src/applications/application.js';
import type { DeskCase } from '../../../../src/mfa/desk/case.js';
import type { MaskedPerson } from '../../../../src/mfa/desk/mask.js';
import type { FoundCaller } from '../../../../src/mfa/desk/open.js';
import type { Desk } from './desk.js';
import { CallEnded } from './talk.js';

/** With more matches than this the operator must ask for the email address. */
const LISTED = 8;

/** Finds the account that the caller means and shows what is known about it. @throws CallEnded */
export async function meetPerson(here: Desk): Promise<DeskCase> {
  for (;;) {
    const people = await askForPeople(here);
    const person = await pick(here, people);
    if (person !== null) return look(here, person);
  }
}

/** Shows the state and the warnings, before identity is verified. @throws CallEnded while the desk is closed for this account */
export async function look(here: Desk, person: Person): Promise<DeskCase> {
  const call = await here.desk.look(person);
  sayWhatIsSeen(here, call);
  return call.closedUntil === null ? call : inPersonOnly(here, call, here.clock(call.closedUntil));
}

/** After three failed checks an account is helped only in person, with an ID, for one hour. */
async function inPersonOnly({ talk }: Desk, call: DeskCase, until: string): Promise<DeskCase> {
  talk.line();
  talk.bad(`Three identity checks failed for this account. Until ${until} it cannot be helped on the phone.`);
  const answer = await talk.choose('Is the person here with you, and do the name and picture of the ID match?', [
    { key: '1', text: 'yes', value: 'yes' },
    { key: '2', text: 'no, or on the phone', value: 'no' },
  ]);
  if (answer === 'yes') return { ...call, inPerson: true };
  talk.say(`I cannot help you now. Please call again after ${until}, or come in person with an ID.`);
  throw new CallEnded();
}

async function askForPeople({ desk, talk }: Desk): Promise<readonly FoundCaller[]> {
  talk.line();
  for (;;) {
    const wanted = await talk.ask("Caller's email address or user name");
    const people = wanted === '' ? [] : await desk.find(wanted);
    if (people.length > LISTED) talk.line(`${people.length} accounts match. Ask for the email address.`);
    else if (people.length > 0) return people;
    else talk.line('No account has that email address or user name. Ask how it is spelled, or type 0 to leave.');
  }
}

/** @returns null = not the right account */
async function pick({ talk }: Desk, people: readonly FoundCaller[]): Promise<Person | null> {
  const lines = people.map(({ masked }) => lineOf(masked));
  talk.line();
  if (people.length > 1) {
    const choices = lines.map((text, at) => ({ key: String(at + 1), text, value: String(at) }));
    const chosen = await talk.choose(`${people.length} accounts match. Ask which one it is.`, choices);
    return people[Number(chosen)]!.person;
  }
  talk.line('Found one account:');
  talk.line(`  ${lines[0]}`);
  for (;;) {
    const answer = await talk.choose('Is that the right account?', [
      { key: '1', text: 'yes', value: 'yes' },
      { key: '2', text: 'no, look again', value: 'no' },
      { key: '3', text: 'show its ID', value: 'id' },
    ]);
    if (answer === 'yes') return people[0]!.person;
    if (answer === 'no') return null;
    talk.line(`ID ${people[0]!.person.id}`);
  }
}

const lineOf = ({ name, email, facts }: MaskedPerson): string =>
  [name, email, facts].filter((part) => part !== null).join('   ');

function sayWhatIsSeen({ talk, clock }: Desk, { status, flags, denied }: DeskCase): void {
  const { state, codes, lock, sessions, resets_90d: resets } = status;
  talk.line();
  if (denied !== null) talk.bad(`At ${clock(denied.at)}: ${denied.reason}. Be very careful.`);
  talk.line('Before you continue, this is what the system knows:');
  talk.line(`· two-step sign-in is ${STATES[state]}${codes?.left == null ? '' : `, backup codes left: ${codes.left}`}`);
  if (lock !== null) {
    talk.line(`· locked ${lock.until === 'infinity' ? 'until an SRE unlocks it' : `until ${clock(lock.until)}`}`);
  }
  if (sessions !== null && sessions > 0)
    talk.line(`· signed in on ${sessions} ${sessions === 1 ? 'device' : 'devices'} right now`);
  if (resets !== null && resets.length === 0) talk.good('no reset in the last 90 days');
  // The denial was shown above, in local time.
  for (const { code, text } of flags) if (code !== 'caller_denied') talk.warn(text);
  if (flags.length === 0) talk.good('no warning signs');
}

const STATES = {
  enabled: 'on',
  pending: 'started, but never confirmed',
  off: 'off',
  unknown: 'unknown: your database role cannot see it',
} as const;
