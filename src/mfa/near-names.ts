import type { Application, Person } from '../applications/application.js';
import { findNear, type NearName } from '../applications/near.js';
import { editDistance } from '../kernel/closest.js';
import { sqlstateOf } from '../postgres/errors.js';
import type { Session } from '../postgres/server.js';

/** How many names are suggested if none matches. */
const PROPOSED = 3;

/** Normalizes a name: ignores case, white space, invisible characters and Unicode composition. */
export const squashed = (text: string): string =>
  text
    .normalize('NFKC')
    .replace(/[\s\p{Cf}\p{Cc}]/gu, '')
    .toLowerCase();

/** Returns spellings under which a database may store a typed name: as typed, with a trailing blank, composed or decomposed. */
export function spellings(wanted: string): string[] {
  const bare = wanted.trim();
  const forms = [wanted, bare, bare.normalize('NFC'), bare.normalize('NFD'), `${bare} `];
  return [...new Set(forms)].filter((form) => form.trim() !== '');
}

/** Returns users whose name is the same after {@link squashed}, and similar names to suggest. */
export async function nearNames(
  session: Session,
  application: Application,
  wanted: string,
): Promise<{ readonly same: readonly string[]; readonly proposed: readonly string[] }> {
  const text = squashed(wanted);
  if (text === '') return { same: [], proposed: [] };
  const near = await known(findNear(session, application, text, beginnings(text)));
  const words = ({ email, username }: NearName): string[] =>
    [email, username, email?.split('@')[0]].filter((word) => word != null).map(squashed);
  const scored = near.map((one) => ({
    ...one,
    apart: Math.min(...words(one).map((word) => editDistance(text, word, 2))),
  }));
  const same = near.filter(({ email, username }) => [email, username].some((word) => word && squashed(word) === text));
  const limit = Math.min(2, Math.floor(text.length / 3));
  const proposed = scored.filter(({ apart }) => apart <= limit).sort((a, b) => a.apart - b.apart);
  return { same: same.map(({ id }) => id), proposed: proposed.slice(0, PROPOSED).map(proposalOf) };
}

/** Returns an empty list for a name that the database's encoding cannot represent. */
export async function known<T>(found: Promise<T[]>): Promise<T[]> {
  return found.catch((error: unknown) => {
    if (['22P05', '22021'].includes(sqlstateOf(error) ?? '')) return [];
    throw error;
  });
}

const proposalOf = ({ id, email, username }: Pick<Person, 'id' | 'email' | 'username'>): string =>
  username !== null && email !== null ? `'${username}' (${email})` : `'${username ?? email ?? id}'`;

function beginnings(text: string): string[] {
  const first = ['NFC', 'NFD'].map((form) => [...text.normalize(form)][0]!);
  return [...new Set(first.flatMap((letter) => [letter, letter.toUpperCase()]))];
}
