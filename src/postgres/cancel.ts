import { connect } from 'node:net';
import type { ConnectionSettings } from '../config/libpq/settings.js';

const CANCEL_REQUEST = 80_877_102;
const GIVE_UP_MS = 3_000;

/**
 * Asks the server to cancel what a connection is doing. The answer is the cancelled statement's error, or nothing when it had ended;
 * never rejects. The request goes without TLS, as libpq's older PQcancel does: it holds a key that is good for nothing else.
 */
export async function requestCancel(settings: ConnectionSettings, pid: number, key: number): Promise<void> {
  const { host, hostaddr, port } = settings;
  const socket = host.startsWith('/')
    ? connect({ path: `${host}/.s.PGSQL.${port}` })
    : connect({ host: hostaddr ?? host, port });
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(CANCEL_REQUEST, 4);
  message.writeInt32BE(pid, 8);
  message.writeInt32BE(key, 12);
  await new Promise<void>((resolve) => {
    socket.setTimeout(GIVE_UP_MS, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.on('connect', () => socket.end(message));
    socket.resume();
  });
}
