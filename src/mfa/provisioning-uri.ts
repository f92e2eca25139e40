import { displayNameProblem } from '../kernel/display-name.js';
import { PotctlError } from '../kernel/errors.js';

/** Bytes of a new secret: 160 bits, as RFC 4226 recommends. */
export const SECRET_BYTES = 20;

/**
 * Returns the `otpauth://` URI for an authenticator app. The issuer is both a prefix of the label and a parameter; defaults (SHA-1, six
 * digits, 30 s) are left out to keep the QR code small.
 *
 * @param secret base32 without padding
 * @throws E_USAGE for an issuer or label with a colon, with a hidden character, or without a visible one
 */
export function provisioningUri(issuer: string, label: string, secret: string): string {
  const other = ['Set another one: `mfa.issuer` in the profile, or --issuer.'];
  for (const [what, text, fix] of [
    ['issuer', issuer, other],
    ['name in the app', label, ['Change the name of the account in the application.']],
  ] as const) {
    const problem = displayNameProblem(text);
    if (problem !== null) throw new PotctlError('E_USAGE', `the ${what} '${text}' ${problem}`, { fix });
  }
  return `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(label)}?secret=${secret}&issuer=${encodeURIComponent(issuer)}`;
}
