import type { PinRequest } from '../../../src/backup/pins.js';
import type { Context } from '../../context.js';

interface Options {
  readonly id: string;
  readonly reason: string | undefined;
  readonly fromSet: string | undefined;
}

/** Which backup is pinned or unpinned, as the settings and the command line say. */
export async function pinRequest(
  { id, reason, fromSet }: Options,
  context: Context,
  dryRun: boolean,
): Promise<PinRequest> {
  const { profile, connection, files } = await context.settings();
  const at = { profile: profile.name, database: connection.database, filesPath: files?.path ?? null };
  return { reference: id, fromSet: fromSet ?? null, at, reason: reason ?? null, dryRun };
}
