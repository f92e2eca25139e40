import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { onTestFinished } from 'vitest';

/** A mail as the server got it. */
export interface ReceivedMail {
  readonly to: readonly string[];
  readonly from: string;
  /** Headers and text, soft line breaks undone. */
  readonly content: string;
}

export interface MailServer {
  /** `smtp://desk:…@host:port`, with {@link MAIL_PASSWORD} in it. */
  readonly url: string;
  readonly received: readonly ReceivedMail[];
  /** From now on every recipient is refused. */
  refuse(): void;
  close(): Promise<void>;
}

export const MAIL_PASSWORD = 'Canary-mail-7c1';

/** A real SMTP server on this machine that takes the password, and no TLS; it ends with the test. */
export async function startMailServer(host = '127.0.0.1'): Promise<MailServer> {
  const received: ReceivedMail[] = [];
  let refusing = false;
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) =>
      password === MAIL_PASSWORD ? done(null, { user: username }) : done(new Error('wrong password')),
    onRcptTo: ({ address }, _session, done) =>
      refusing ? done(new Error(`mailbox <${address}> is not here`)) : done(),
    async onData(stream, { envelope }, done) {
      const content = (await text(stream)).replaceAll('\r\n', '\n').replaceAll('=\n', '');
      const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
      received.push({ to: envelope.rcptTo.map(({ address }) => address), from, content });
      done();
    },
  });
  server.on('error', () => {});
  server.listen(0, host);
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= new Promise<void>((resolve) => server.close(() => resolve()));
    return closed;
  };
  onTestFinished(close);
  return {
    url: `smtp://desk:${MAIL_PASSWORD}@${host}:${port}`,
    received,
    refuse: () => {
      refusing = true;
    },
    close,
  };
}
