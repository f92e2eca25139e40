import type { Session } from './server.js';

/** Opens a session, runs the work in it, and always closes it. */
export async function inSession<T>(opening: Promise<Session>, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await opening;
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
