import type { WithMfa } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import { readBackupCode } from './backup-codes.js';
import { symbolsOf } from './typed-symbols.js';

/** A typed code, normalized for comparison. */
export type TypedCode =
  | { readonly kind: 'totp'; readonly code: string }
  | { readonly kind: 'backup'; readonly code: string };

/**
 * Reads a code: six digits or a backup code of the application, with any kind of blanks and dashes and decimal digits of any script.
 *
 * @throws E_USAGE for anything else; nothing was checked or counted
 */
export function readTypedCode(typed: string, application: WithMfa, backup: 'allowed' | 'refused'): TypedCode {
  const symbols = symbolsOf(typed);
  if (/^[0-9]{6}$/.test(symbols)) return { kind: 'totp', code: symbols };
  const form = application.mfa.codes?.kind;
  const code = backup === 'allowed' && form !== undefined ? readBackupCode(form, typed) : null;
  if (code !== null) return { kind: 'backup', code };
  const wanted = backup === 'allowed' && form !== undefined ? 'six digits or a backup code' : 'six digits';
  throw new PotctlError('E_USAGE', `not a code: expected ${wanted}`, {
    why: 'no attempt was counted',
    fix: ['Ask for the digits that the app shows now.'],
  });
}
