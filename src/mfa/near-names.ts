import type { Application, Person } from '../applications/application.js';
import { findNear, type NearName } from '../applications/near.js';
import { editDistance } from '../kernel/closest.js';
import { sqlstateOf } from '../postgres/errors.js';
import type { Session } from '../postgres/server.js';

/** So many are proposed when nobody fits. */
const PROPOSED = 3;

/** What is left of a name when case, blanks, what is invisible, and the way in which letters are composed do not count. */
export const squashed = (text: string): string =>
  text
    .normalize('NFKC')
    .replace(/[\s\p{Cf}\p{Cc}]/gu, '')
    .toLowerCase();

/** How a database may hold what was typed: as it is, with a blank behind it, and with its letters composed or taken apart. */
export function spellings(wanted: string): string[] {
  const bare = wanted.trim();
  const forms = [wanted, bare, bare.normalize('NFC'), bare.normalize('NFD'), `${bare} `];
  return [...new Set(forms)].filter((form) => form.trim() !== '');
}

/** Those with the same name but for what {@link squashed} takes away, and those whose name is only near: for a proposal. */
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

/** Nobody has a name that the database's encoding cannot hold. */
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
