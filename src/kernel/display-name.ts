import { hiddenCharacterIn } from './hidden-character.js';

/**
 * Why a text cannot be the issuer or the account in an authenticator app, e.g. `has a colon, which …`; null if it can. Users trust what
 * the app shows: it must not contain hidden characters or ones that reverse the rest.
 */
export function displayNameProblem(text: string): string | null {
  if (text.includes(':')) return 'has a colon, which authenticator apps read as a separator';
  const hidden = hiddenCharacterIn(text);
  if (hidden !== null) return `has ${hidden}, a control or hidden character`;
  return /[\p{L}\p{N}]/u.test(text) ? null : 'has no letter or digit';
}
