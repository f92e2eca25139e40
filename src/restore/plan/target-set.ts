import type { CatalogEntry } from '../../catalog/catalog.js';
import { findSet, quoted, setsAtHand } from '../../catalog/sets.js';
import { PotctlError } from '../../kernel/errors.js';
import { readSystemIdentifier } from '../../runs/database/system-identifier.js';
import type { Asked, RestoreDeps } from '../deps.js';

/**
 * The set that belongs to the target of a restore or undo. Where the server is not asked or cannot be reached, names decide.
 *
 * @throws E_REFUSED if they fit several sets
 */
export async function targetSet(
  { server }: Pick<RestoreDeps, 'server'>,
  { profile, database, filesPath }: Pick<Asked, 'profile' | 'database'> & { readonly filesPath: string | null },
  entries: readonly CatalogEntry[],
): Promise<string> {
  const facts = { profile: profile.name, database, filesPath };
  if (server === null || database === null) return setByName(entries, facts);
  const systemIdentifier = profile.name === null ? await readSystemIdentifier(server).catch(ifUnreachable) : null;
  return findSet(entries, { ...facts, systemIdentifier });
}

function setByName(
  entries: readonly CatalogEntry[],
  facts: { readonly profile: string | null; readonly database: string | null; readonly filesPath: string | null },
): string {
  const [first, ...others] = setsAtHand(entries, facts);
  if (first === undefined) return findSet(entries, { ...facts, systemIdentifier: null });
  if (others.length === 0) return first;
  throw new PotctlError('E_REFUSED', 'backups of several sets fit this target', {
    fix: [first, ...others].map((set) => `If it is this one: \`--from-set ${quoted(set)}\``),
  });
}

function ifUnreachable(error: unknown): null {
  if (error instanceof PotctlError && error.code === 'E_DB_UNREACHABLE') return null;
  throw error;
}
