import type { Person } from '../../../src/applications/application.js';
import type { DeskCase } from '../../../src/mfa/desk/case.js';
import type { MaskedPerson } from '../../../src/mfa/desk/mask.js';
import type { Desk } from './desk.js';
import { CallEnded } from './talk.js';

/** More than these are not listed: a better word is wanted then. */
const LISTED = 8;

/** Finds the person whom the caller means, and says what the system sees. @throws CallEnded */
export async function meetPerson(desk: Desk): Promise<DeskCase> {
  for (;;) {
    const people = await askForPeople(desk);
    const person = await pick(desk, people);
    if (person !== null) return look(desk, person);
  }
}

/** The warnings come before any question of who is calling. @throws CallEnded after three failed proofs within the hour */
export async function look(desk: Desk, person: Person): Promise<DeskCase> {
  const { openCase } = await import('../../../src/mfa/desk/case.js');
  const call = await openCase(desk.deps, person);
  sayWhatIsSeen(desk, call);
  if (call.closedUntil === null) return call;
  desk.talk.line();
  desk.talk.bad(`Three proofs failed for this person. No desk helps before ${desk.formats.instant(call.closedUntil)}.`);
  desk.talk.say('I cannot go on now. Please come by in person, or call again later.');
  throw new CallEnded();
}

async function askForPeople({ deps, talk }: Desk): Promise<readonly Person[]> {
  const { findCallers } = await import('../../../src/mfa/desk/case.js');
  talk.line();
  for (;;) {
    const wanted = await talk.ask("Caller's e-mail or user name");
    const people = wanted === '' ? [] : await findCallers(deps, wanted);
    if (people.length > LISTED) talk.line(`${people.length} accounts fit. Ask for the e-mail.`);
    else if (people.length > 0) return people;
    else talk.line('No account has that e-mail or user name. Ask how it is written, or type 0 to leave.');
  }
}

/** @returns null: somebody else is meant */
async function pick({ talk }: Desk, people: readonly Person[]): Promise<Person | null> {
  const { maskPerson } = await import('../../../src/mfa/desk/mask.js');
  const lines = people.map((person) => lineOf(maskPerson(person)));
  talk.line();
  if (people.length > 1) {
    const choices = lines.map((text, at) => ({ key: String(at + 1), text, value: String(at) }));
    const chosen = await talk.choose(`${people.length} accounts fit. Ask which one it is.`, choices);
    return people[Number(chosen)]!;
  }
  talk.line('Found one account:');
  talk.line(`  ${lines[0]}`);
  for (;;) {
    const answer = await talk.choose('Is that the one?', [
      { key: '1', text: 'yes', value: 'yes' },
      { key: '2', text: 'no, look for another one', value: 'no' },
      { key: '3', text: 'show me its id', value: 'id' },
    ]);
    if (answer === 'yes') return people[0]!;
    if (answer === 'no') return null;
    talk.line(`id ${people[0]!.id}`);
  }
}

const lineOf = ({ name, email, facts }: MaskedPerson): string =>
  [name, email, facts].filter((part) => part !== null).join('   ');

function sayWhatIsSeen({ talk, formats }: Desk, { status, flags }: DeskCase): void {
  const { state, codes, lock, sessions, resets_90d: resets } = status;
  talk.line();
  talk.line('Before you continue: what the system sees');
  const step = { enabled: 'on', pending: 'begun, but never confirmed', off: 'off', unknown: 'not to be seen by you' }[
    state
  ];
  const left = codes?.left == null ? '' : `, ${codes.left} backup codes left`;
  talk.line(`· the second step is ${step}${left}`);
  if (lock !== null) {
    const until = lock.until === 'infinity' ? 'until an expert ends it' : `until ${formats.instant(lock.until)}`;
    talk.line(`· locked ${until}`);
  }
  if (sessions !== null && sessions > 0)
    talk.line(`· signed in at ${sessions} ${sessions === 1 ? 'place' : 'places'} right now`);
  if (resets !== null && resets.length === 0) talk.good('no reset in the last 90 days');
  for (const { text } of flags) talk.warn(text);
  if (flags.length === 0) talk.good('nothing that should make you careful');
}
