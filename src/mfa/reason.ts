import { PotctlError } from '../errors.js';
import type { Actor, MfaPolicy } from './deps.js';

const SHORTEST = 10;
// A number by itself is a word without letters: it says no more than the others.
const EMPTY_WORDS = new Set(
  ' test testing teste asdf asd qwerty qwertz foo bar baz blah bla none nothing na reason because todo xxx ok okay fix please temp tmp'.split(
    ' ',
  ),
);

/**
 * Is it a reason that somebody could understand later: at least ten letters or digits, and not only filler?
 *
 * @returns what is wrong with it; null = nothing
 */
export function reasonProblem(reason: string | null): string | null {
  const letters = (reason ?? '').replace(/[^\p{L}\p{N}]/gu, '');
  if (letters === '') return 'there is none';
  if ([...letters].length < SHORTEST) return `'${reason}' has fewer than ${SHORTEST} letters or digits`;
  const words = reason!
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
  const says = words.filter((word) => !EMPTY_WORDS.has(word.replace(/\d+$/, '')));
  if (says.length === 0 || new Set(letters.toLowerCase()).size < 4) return `'${reason}' says nothing`;
  return null;
}

/**
 * Refuses a change without a reason, or without the ticket that the profile wants.
 *
 * @throws E_REASON_REQUIRED
 */
export function requireReason({ reason, ticket }: Actor, policy: MfaPolicy): void {
  const problem = reasonProblem(reason);
  if (problem !== null) {
    throw new PotctlError('E_REASON_REQUIRED', 'the change needs a reason', {
      why: problem,
      fix: ['Say why, for the record: `--reason "lost phone, called back at the number on file"`'],
    });
  }
  if (policy.ticket === null || (ticket !== null && new RegExp(policy.ticket).test(ticket))) return;
  throw new PotctlError('E_REASON_REQUIRED', 'the profile wants a ticket for this', {
    why: ticket === null ? 'there is none' : `'${ticket}' does not fit ${policy.ticket}`,
    fix: [`Give it with \`--ticket\`; it must fit ${policy.ticket}`],
  });
}
