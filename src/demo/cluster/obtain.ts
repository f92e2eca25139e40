import { PotctlError } from '../../errors.js';
import { findBinaries } from './binaries.js';

export interface ObtainRequest {
  /** PATH, HOME, XDG_CACHE_HOME. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Says what takes time, e.g. a download. */
  readonly onNote: (text: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * The folder with a PostgreSQL of this machine.
 *
 * @throws PotctlError E_TOOL_MISSING with the line for each packager
 */
export async function obtainBinaries(request: ObtainRequest): Promise<string> {
  const installed = await findBinaries(request.environment['PATH']);
  if (installed) return installed;
  throw new PotctlError('E_TOOL_MISSING', 'no PostgreSQL server on this machine');
}
