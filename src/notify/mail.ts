import type { MailSettings } from '../config/settings.js';
import { PotctlError } from '../kernel/errors.js';
import { redact } from '../kernel/secret.js';

/** One mail to one person. */
export interface Letter {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Whoever sends mail. */
export interface Mailer {
  /** Is that one address to which mail can go? */
  canReach(address: string | null): address is string;
  /** Hands a letter to the mail server. @throws E_MAIL: it did not take it, or nobody knows */
  send(letter: Letter): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const TIMEOUTS = {
  ...{ connectionTimeout: TIMEOUT_MS, greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS, dnsTimeout: TIMEOUT_MS },
  socketCloseTimeout: 1_000,
};

/** One address and nothing else: no list, no name, no line. */
const ONE_ADDRESS = /^[^\s@,;:<>()"\\]+@[^\s@,;:<>()"\\]+$/;

const canReach = (address: string | null): address is string => address !== null && ONE_ADDRESS.test(address);

/** A sender of mail; it connects with each letter, and keeps nothing open. */
export function createMailer(settings: MailSettings): Mailer {
  return { canReach, send: (letter) => send(settings, letter) };
}

async function send({ smtp, server, from, replyTo }: MailSettings, { to, subject, text }: Letter): Promise<void> {
  if (!canReach(to)) throw notSent(server, 'what stands there as the address is none');
  const { createTransport } = await import('nodemailer');
  const url = smtp.reveal();
  const transport = createTransport({ url, requireTLS: wantsTls(url), ...TIMEOUTS });
  try {
    // As an object an address is never read as a list of them.
    await transport.sendMail({
      ...{ from, replyTo: [...replyTo], to: { name: '', address: to }, subject, text },
      ...{ disableFileAccess: true, disableUrlAccess: true },
    });
  } catch (error) {
    throw notSent(server, whatFailed(error, to), error);
  } finally {
    transport.close();
  }
}

/** A password travels only where it is sealed, or stays on this machine; `?requireTLS=false` in the URL says otherwise. */
function wantsTls(url: string): boolean {
  const { password, hostname } = new URL(url);
  return password !== '' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** Answers of servers repeat the address, which whoever reads this may not be meant to see. */
function whatFailed(error: unknown, to: string): string {
  const { code = '', message = String(error) } = error as { readonly code?: string; readonly message?: string };
  return redact(`${code} ${message}`.trim()).replaceAll(to, 'the address');
}

function notSent(server: string, why: string, cause?: unknown): PotctlError {
  return new PotctlError('E_MAIL', 'the mail was not sent', { why: { server, problem: why }, cause });
}
