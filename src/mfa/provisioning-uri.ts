import { PotctlError } from '../errors.js';

/** Bytes of a new secret: 160 bits, as RFC 4226 recommends. */
export const SECRET_BYTES = 20;

/**
 * The `otpauth://` address for an authenticator app. The issuer stands in front of the label and as a parameter; what is the default
 * (SHA-1, six digits, 30 s) is left out, so that the square stays small.
 *
 * @param secret base32 without padding
 * @throws E_USAGE for an issuer or label with a colon, which separates the two, or without a visible character
 */
export function provisioningUri(issuer: string, label: string, secret: string): string {
  const other = ['Give another one: `mfa.issuer` in the profile, or --issuer.'];
  for (const [what, text, fix] of [
    ['issuer', issuer, other],
    ['name in the app', label, ['Give the account another name in the application.']],
  ] as const) {
    if (text.includes(':')) {
      const colon = `the ${what} '${text}' has a colon, which authenticator apps read as a separator`;
      throw new PotctlError('E_USAGE', colon, { fix });
    }
    if (!/[\p{L}\p{N}]/u.test(text) || /\p{Cc}/u.test(text)) {
      throw new PotctlError('E_USAGE', `the ${what} needs a letter or digit, and no control characters`, { fix });
    }
  }
  return `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(label)}?secret=${secret}&issuer=${encodeURIComponent(issuer)}`;
}
