import { connect } from 'node:net';
import type { ConnectionSettings } from '../config/libpq/settings.js';

const CANCEL_REQUEST = 80_877_102;
const GIVE_UP_MS = 3_000;

/**
 * Asks the server to cancel a connection's statement. The statement then fails, unless it had already ended; this call never rejects.
 * The request is sent without TLS, as by libpq's older PQcancel: its key is useful for nothing else.
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
