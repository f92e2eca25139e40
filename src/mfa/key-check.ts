import type { SealedRow } from '../applications/application.js';
import type { Session } from '../postgres/server.js';
import type { Uses } from './deps.js';
import { openSecret } from './envelope.js';

/** How many secrets are encrypted with a key, and whether they can be decrypted. */
export interface KeyCount {
  /** null = not an encrypted secret. */
  readonly key: string | null;
  readonly count: number;
  readonly problem: string | null;
  /** New secrets are encrypted with this key. */
  readonly newest: boolean;
}

/**
 * Decrypts every stored secret and counts them per key, unused keys included.
 *
 * @throws E_MFA_KEY, E_DB_*
 */
export async function countKeys(
  { database, keys }: Uses<'database' | 'keys'>,
  session: Session,
  sealed: string,
): Promise<KeyCount[]> {
  const ring = await keys();
  const newest = [...ring.keys()].at(-1) ?? null;
  const { table, column } = database.application.mfa.secretColumn;
  const counts = new Map<string, { key: string | null; problem: string | null; count: number }>();
  for (const key of ring.keys()) counts.set(`${key} `, { key, problem: null, count: 0 });
  for await (const rows of session.stream(sealed)) {
    for (const [factorId, userId, secret] of rows as SealedRow[]) {
      const opened = openSecret(secret, { table, column, factorId, userId }, ring);
      const [key, problem] = [opened.keyId, opened.ok ? null : opened.problem];
      const name = `${key} ${problem ?? ''}`;
      counts.set(name, { key, problem, count: (counts.get(name)?.count ?? 0) + 1 });
    }
  }
  return [...counts.values()].map((one) => ({
    ...one,
    newest: one.key !== null && one.key === newest && one.problem === null,
  }));
}
