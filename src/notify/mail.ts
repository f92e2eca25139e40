import type { MailSettings } from '../config/settings.js';
import { PotctlError } from '../kernel/errors.js';
import { redact } from '../kernel/secret.js';

/** One email to one person. */
export interface Letter {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Sends email. */
export interface Mailer {
  /** Whether it is one valid address. */
  canReach(address: string | null): address is string;
  /** Hands an email to the mail server. @throws E_MAIL if the server did not accept it, or it is unknown whether it did */
  send(letter: Letter): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const TIMEOUTS = {
  ...{ connectionTimeout: TIMEOUT_MS, greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS, dnsTimeout: TIMEOUT_MS },
  socketCloseTimeout: 1_000,
};

/** Exactly one address: no list, no display name, no line break. */
const ONE_ADDRESS = /^[^\s@,;:<>()"\\]+@[^\s@,;:<>()"\\]+$/;

const canReach = (address: string | null): address is string => address !== null && ONE_ADDRESS.test(address);

/** Creates a mailer. It connects for each email and keeps no connection open. */
export function createMailer(settings: MailSettings): Mailer {
  return { canReach, send: (letter) => send(settings, letter) };
}

async function send({ smtp, server, from, replyTo }: MailSettings, { to, subject, text }: Letter): Promise<void> {
  if (!canReach(to)) throw notSent(server, 'the address is not valid');
  const { createTransport } = await import('nodemailer');
  const url = smtp.reveal();
  const transport = createTransport({ url, requireTLS: wantsTls(url), ...TIMEOUTS });
  try {
    // Passed as an object, an address is never parsed as a list.
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

/** A password is sent only over TLS or within this machine; `?requireTLS=false` in the URL overrides this. */
function wantsTls(url: string): boolean {
  const { password, hostname } = new URL(url);
  return password !== '' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** Replies of servers repeat the address, which the reader of the message may not be allowed to see. */
function whatFailed(error: unknown, to: string): string {
  const { code = '', message = String(error) } = error as { readonly code?: string; readonly message?: string };
  return redact(`${code} ${message}`.trim()).replaceAll(to, 'the address');
}

function notSent(server: string, why: string, cause?: unknown): PotctlError {
  return new PotctlError('E_MAIL', 'the email was not sent', { why: { server, problem: why }, cause });
}
