import { PotctlError } from '../kernel/errors.js';
import { advice, again } from '../kernel/next.js';
import type { Actor, MfaPolicy } from './deps.js';

/** Minimum number of letters; half as many in scripts where one character is a word or syllable. */
const SHORTEST = 10;
const DENSE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}]/u;
// Filler words; a number alone counts as filler, too.
const EMPTY_WORDS = new Set(
  ' test testing teste asdf asd qwerty qwertz foo bar baz blah bla none nothing na reason because todo xxx ok okay fix please temp tmp'.split(
    ' ',
  ),
);

/**
 * Checks that a reason will be understood later: at least ten letters or digits, and not only filler.
 *
 * @returns what is wrong with it; null = nothing
 */
export function reasonProblem(reason: string | null): string | null {
  const letters = (reason ?? '').normalize('NFC').replace(/[^\p{L}\p{N}]/gu, '');
  if (letters === '') {
    return (reason ?? '').trim() === '' ? 'no reason was given' : `'${reason}' has no letters or digits`;
  }
  if (weightOf(letters) < SHORTEST) return `'${reason}' has fewer than ${SHORTEST} letters or digits`;
  const words = reason!
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
  const says = words.filter((word) => /\p{L}/u.test(word) && !EMPTY_WORDS.has(word.replace(/\d+$/, '')));
  const keys = letters.toLowerCase();
  const isTyped = new Set(keys).size < (DENSE.test(keys) ? 3 : 4) || /^(.{1,5}?)\1+$/u.test(keys);
  return says.length === 0 || isTyped ? `'${reason}' does not explain anything` : null;
}

const weightOf = (letters: string): number =>
  [...letters].reduce((sum, letter) => sum + (DENSE.test(letter) ? 2 : 1), 0);

/**
 * Refuses a change without a reason, or without the ticket that the profile requires.
 *
 * @throws E_REASON_REQUIRED
 */
export function requireReason({ reason, ticket }: Actor, policy: MfaPolicy): void {
  const problem = reasonProblem(reason);
  if (problem !== null) {
    throw new PotctlError('E_REASON_REQUIRED', 'a reason is required', {
      why: problem,
      fix: [advice`Give a reason for the journal, in place of the dots: ${again('--reason', '…')}`],
    });
  }
  const missing = ticketProblem(ticket, policy);
  if (missing === null) return;
  throw new PotctlError('E_REASON_REQUIRED', 'the profile requires a ticket', {
    why: missing,
    fix: [`Give it with \`--ticket\`; it must match ${policy.ticket}`],
  });
}

/** Says what is wrong with a ticket; null = nothing, or the profile requires none. */
export function ticketProblem(ticket: string | null, { ticket: pattern }: Pick<MfaPolicy, 'ticket'>): string | null {
  if (pattern === null || (ticket !== null && new RegExp(pattern).test(ticket))) return null;
  return ticket === null ? 'no ticket was given' : `'${ticket}' does not match ${pattern}`;
}
