import type { Check } from '../kernel/check.js';
import { findFragileFunctions, fragileText } from '../postgres/fragile-functions.js';
import { type Connected, ok, warn } from './check.js';

/** Checks for functions that a restore, which runs with an empty search_path, could not resolve. */
export async function functionsCheck({ session }: Connected): Promise<Check> {
  const found = await findFragileFunctions(session);
  const [first] = found;
  if (first === undefined) return ok('functions', 'none that a restore needs depends on search_path');
  const more = found.length > 1 ? `; and ${found.length - 1} more` : '';
  return warn('functions', `${fragileText(first)}${more}`, found.map(({ fix }) => fix).join(' '));
}
