import type { PinWish } from '../../../src/backup/pins.js';
import type { Context } from '../../context.js';

interface Wishes {
  readonly id: string;
  readonly reason: string | undefined;
  readonly fromSet: string | undefined;
}

/** Which backup is pinned or unpinned, as the settings and the command line say. */
export async function pinWish({ id, reason, fromSet }: Wishes, context: Context, dryRun: boolean): Promise<PinWish> {
  const { profile, connection, files } = await context.settings();
  const at = { profile: profile.name, database: connection.database, filesPath: files?.path ?? null };
  return { reference: id, fromSet: fromSet ?? null, at, reason: reason ?? null, dryRun };
}
