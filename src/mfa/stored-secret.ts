import type { SecretRules } from '../applications/application.js';
import { decodeBase32, encodeBase32 } from './base32.js';

/** Why a stored secret can never verify a code. */
export type SecretProblem = 'bcrypt' | 'empty' | 'envelope' | 'not base32' | 'too long' | 'too short';

/** How the application reads a stored secret. */
export type StoredSecret =
  | { readonly usable: true; readonly bytes: Uint8Array; readonly bits: number }
  | { readonly usable: false; readonly problem: SecretProblem };

/** Secrets shorter than 80 bits are weak; RFC 4226 §4 requires 128. */
export const WEAK_BITS = 80;
export const SHORT_BITS = 128;

/** Maximum that otplib accepts. */
const STRICT_BYTES = 64;

/**
 * Reads what an application stored as its TOTP secret, by that application's rules.
 *
 * A bcrypt hash (VIU before 2026-06-26) can never verify a code, nor can an encrypted secret if the application expects base32.
 */
export function readStoredSecret(text: string, rules: SecretRules): StoredSecret {
  if (text.trim() === '') return { usable: false, problem: 'empty' };
  if (/^\$2[abxy]\$/.test(text)) return { usable: false, problem: 'bcrypt' };
  if (/^potctl:v\d+:/.test(text)) return { usable: false, problem: 'envelope' };
  const bytes = decodeBase32(text, rules.strangers);
  if (bytes === null || bytes.length === 0) return { usable: false, problem: 'not base32' };
  if (rules.strict && encodeBase32(bytes) !== text.toUpperCase().replace(/=+$/, '')) {
    return { usable: false, problem: 'not base32' };
  }
  if (bytes.length < rules.minBytes) return { usable: false, problem: 'too short' };
  if (rules.strict && bytes.length > STRICT_BYTES) return { usable: false, problem: 'too long' };
  return { usable: true, bytes, bits: bytes.length * 8 };
}
