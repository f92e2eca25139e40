import type { Progress } from '../../kernel/progress.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server } from '../../postgres/server.js';

const LOOK_EVERY_MS = 2_000;

/**
 * Reports the growing size of a database while it is filled, because pg_restore reports no progress. Ignores errors.
 *
 * @param total bytes at its source, as an estimate
 * @returns stops watching
 */
export function watchGrowth(
  { server, progress }: { readonly server: Server; readonly progress: Progress },
  name: string,
  total: number,
): () => Promise<void> {
  let going = true;
  let wake: () => void = () => {};
  const rest = (): Promise<void> =>
    new Promise((resolve) => {
      if (!going) return resolve();
      const timer = setTimeout(resolve, LOOK_EVERY_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const look = async (): Promise<void> => {
    await rest();
    if (!going) return;
    await inSession(server.maintenanceSession('restore.progress'), async (session) => {
      while (going) {
        const sql = 'select pg_database_size($1::name)::text as bytes';
        const [row] = await session.query<{ bytes: string }>(sql, [name]);
        if (going) progress({ kind: 'bytes', done: Number(row!.bytes), total });
        await rest();
      }
    });
  };
  const looking = look().catch(() => {});
  return async () => {
    going = false;
    wake();
    await looking;
  };
}
