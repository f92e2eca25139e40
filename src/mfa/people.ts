import type { Application, Person } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import type { Session } from '../postgres/server.js';
import { known, nearNames, spellings } from './near-names.js';

/** Returns the name under which a person is shown. */
export const nameOf = ({ username, email, id }: Person): string => username ?? email ?? id;

/** Returns what must be typed to confirm a change: the name, or the id if the stored name cannot be typed. */
export function phraseOf(person: Person): string {
  const name = nameOf(person);
  const plain = name
    .normalize('NFC')
    .trim()
    .replace(/[\p{Cf}\p{Cc}]/gu, '');
  return plain === name ? name : person.id;
}

/** Returns the person as a command argument that can be pasted: the name if it is safe in every shell, else the id. */
export const argumentOf = (person: Person): string => {
  const name = nameOf(person);
  return /^[\p{L}\p{N}_.@+-]+$/u.test(name) && !name.startsWith('-') ? name : person.id;
};

/** Returns the key of a person in potctl's tables and the journal; it stays the same if the email changes. */
export const keyOf = (application: Application, person: Person): string => `${application.name}:${person.id}`;

/** Maximum number of users listed in an error. */
const LISTED = 10;
/** A person, and warnings about others with a similar name. */
export interface FoundPerson {
  readonly person: Person;
  /** One sentence for each other person whose name looks the same. */
  readonly alike: readonly string[];
}

/**
 * Finds the one person with this id, email or user name. An exact match wins; then names that differ only in case, surrounding blanks or
 * Unicode composition.
 *
 * @throws E_USER_NOT_FOUND with similar names; E_USER_AMBIGUOUS with all matches: potctl never guesses
 */
export async function findOne(session: Session, application: Application, wanted: string): Promise<FoundPerson> {
  const { people, proposed } = await lookUp(session, application, wanted);
  const exact = people.filter((person) => wordsOf(person).includes(wanted));
  const [person] = exact.length === 1 ? exact : people;
  if (person === undefined) throw unknownUser(application, wanted, proposed);
  const others = people.filter((one) => one !== person);
  if (exact.length === 1 || others.length === 0)
    return { person, alike: person.id === wanted ? [] : others.map(alikeText) };
  const more = people.length > LISTED ? [`and ${people.length - LISTED} more`] : [];
  throw new PotctlError('E_USER_AMBIGUOUS', `${people.length} users match '${wanted}'`, {
    why: [...people.slice(0, LISTED).map(lineOf), ...more].join('\n'),
  });
}

/** Like {@link findOne}, without the warnings. @throws as findOne */
export async function findPerson(session: Session, application: Application, wanted: string): Promise<Person> {
  return (await findOne(session, application, wanted)).person;
}

/** Returns all matches, ignoring case, blanks and composition, sorted by id. */
export async function findAll(session: Session, application: Application, wanted: string): Promise<readonly Person[]> {
  return (await lookUp(session, application, wanted)).people;
}

async function lookUp(session: Session, application: Application, wanted: string) {
  const found = new Map<string, Person>();
  for (const spelling of spellings(wanted)) {
    for (const person of await known(application.people.find(session, spelling))) found.set(person.id, person);
    const byId = found.get(wanted);
    if (byId !== undefined) return { people: [byId], proposed: [] };
  }
  const near = found.size > 0 ? { same: [], proposed: [] } : await nearNames(session, application, wanted);
  for (const id of near.same) {
    const person = await readPerson(session, application, id);
    if (person !== undefined) found.set(id, person);
  }
  return { people: [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1)), proposed: near.proposed };
}

/** Reads the person with this id; undefined = no such person. */
export async function readPerson(session: Session, application: Application, id: string): Promise<Person | undefined> {
  const people = await application.people.find(session, id);
  return people.find((one) => one.id === id);
}

const wordsOf = ({ id, email, username }: Person): string[] => [id, email, username].filter((word) => word !== null);

const kinds = ({ people: { names } }: Application): string =>
  names?.username === undefined ? 'an email' : 'an email or a user name';

function unknownUser(application: Application, wanted: string, proposed: readonly string[]): PotctlError {
  const why = `searched for an id, ${kinds(application)} in '${application.name}'`;
  const fix = proposed.map((name) => `Did you mean ${name}?`);
  return new PotctlError('E_USER_NOT_FOUND', `there is no user '${wanted}'`, { why, ...(fix.length > 0 && { fix }) });
}

const alikeText = (person: Person): string => `another user has almost the same name: ${lineOf(person)}`;

function lineOf({ id, email, username, name, role, active }: Person): string {
  const parts = [email, username, name, role, active === false ? 'inactive' : null];
  return [id, ...parts.filter((part) => part !== null)].join('  ');
}
