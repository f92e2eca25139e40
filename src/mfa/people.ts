import type { Application, Person } from '../applications/application.js';
import { PotctlError } from '../errors.js';
import type { Session } from '../postgres/server.js';

/** The name by which a person is shown, and which must be typed to change something. */
export const nameOf = ({ username, email, id }: Person): string => username ?? email ?? id;

/** The person as the argument of a command that can be pasted: the name where no shell would take it for something else. */
export const argumentOf = (person: Person): string => {
  const name = nameOf(person);
  return /^[\p{L}\p{N}_.@+-]+$/u.test(name) && !name.startsWith('-') ? name : person.id;
};

/** The person in potctl's own tables and in the journal: stable, also when the e-mail changes. */
export const keyOf = (application: Application, person: Person): string => `${application.name}:${person.id}`;

/** More than these are not listed in an error. */
const LISTED = 10;

/**
 * The one person whom `wanted` names: an id, an e-mail or a user name.
 *
 * @throws E_USER_NOT_FOUND; E_USER_AMBIGUOUS with everybody who fits, because guessing is how the wrong one loses access
 */
export async function findPerson(session: Session, application: Application, wanted: string): Promise<Person> {
  const people = await application.findPeople(session, wanted.trim());
  const [person, second] = people;
  if (person === undefined) {
    throw new PotctlError('E_USER_NOT_FOUND', `there is no user '${wanted}'`, {
      why: `looked for an id, ${kinds(application)} in '${application.name}'`,
    });
  }
  if (second === undefined) return person;
  const more = people.length > LISTED ? [`and ${people.length - LISTED} more`] : [];
  throw new PotctlError('E_USER_AMBIGUOUS', `${people.length} users fit '${wanted}'`, {
    why: [...people.slice(0, LISTED).map(lineOf), ...more].join('\n'),
  });
}

const kinds = ({ name }: Application): string =>
  name === 'viu' || name === 'evo' ? 'an e-mail' : 'an e-mail or a user name';

function lineOf({ id, email, username, name, role, active }: Person): string {
  const parts = [email, username, name, role, active === false ? 'inactive' : null];
  return [id, ...parts.filter((part) => part !== null)].join('  ');
}
