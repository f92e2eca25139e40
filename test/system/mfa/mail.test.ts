import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../../src/kernel/secret.js';
import { createMailer, type Mailer } from '../../../src/notify/mail.js';
import { MAIL_PASSWORD, startMailServer } from '../../support/mail-server.js';

const through = (url: string): Mailer =>
  createMailer({
    smtp: new Secret(url),
    server: 'smtp://there',
    from: '3dPot <support@example.com>',
    replyTo: ['security@example.com'],
  });
const letter = { to: 'ana@example.com', subject: 'Olá', text: 'São dígitos.\n.\nEnd' };

test('a mail arrives unchanged, at one address, with the sender of the profile', async () => {
  const server = await startMailServer();
  await through(server.url).send(letter);
  expect(server.received).toMatchObject([{ to: ['ana@example.com'], from: 'support@example.com' }]);
  const { content } = server.received[0]!;
  expect(content).toMatch(/^From: 3dPot <support@example.com>$/m);
  expect(content).toMatch(/^Reply-To: security@example.com$/m);
  expect(content).toContain('S=C3=A3o d=C3=ADgitos.\n.\nEnd');
});

test.each([
  'ana@example.com, eve@example.com',
  'Ana <ana@example.com>',
  'ana@example.com\nBcc: eve@example.com',
  '',
  'ana',
])('%j is not an address, and no mail is sent', async (to) => {
  const server = await startMailServer();
  const mailer = through(server.url);
  expect(mailer.canReach(to)).toBe(false);
  await expect(mailer.send({ ...letter, to })).rejects.toMatchObject({ code: 'E_MAIL', exitCode: 16 });
  expect(server.received).toEqual([]);
});

test('a refused recipient is an error that says why, without the address', async () => {
  const server = await startMailServer();
  server.refuse();
  const error = await through(server.url)
    .send(letter)
    .catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'E_MAIL', why: { problem: expect.stringContaining('is not here') } });
  expect(JSON.stringify(error)).not.toContain('ana@');
});

test('the error for a refused login does not contain the password', async () => {
  const server = await startMailServer();
  const error = await through(server.url.replace(MAIL_PASSWORD, 'Canary-wrong-1'))
    .send(letter)
    .catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'E_MAIL', why: { problem: expect.stringContaining('EAUTH') } });
  expect(JSON.stringify(error)).not.toContain('Canary');
});

const outside = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

test.skipIf(outside === undefined)(
  'a password is not sent over a network without TLS unless the URL allows it',
  async () => {
    const server = await startMailServer(outside);
    await expect(through(server.url).send(letter)).rejects.toMatchObject({ code: 'E_MAIL' });
    expect(server.received).toEqual([]);
    await through(`${server.url}/?requireTLS=false`).send(letter);
    expect(server.received).toHaveLength(1);
  },
);

test('an unreachable server is an error', async () => {
  const server = await startMailServer();
  await server.close();
  await expect(through(server.url).send(letter)).rejects.toMatchObject({ code: 'E_MAIL', changed: 'nothing' });
});

test('a server that never answers is an error after ten seconds', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as { port: number };
  const began = performance.now();
  await expect(through(`smtp://127.0.0.1:${port}`).send(letter)).rejects.toMatchObject({ code: 'E_MAIL' });
  expect(performance.now() - began).toBeLessThan(15_000);
});
