import { PotctlError } from '../kernel/errors.js';
import type { Session } from './server.js';

const SHOWN = 5;

/** Adds similar database names to E_DATABASE_NOT_FOUND if they can be listed; returns any other error unchanged. */
export async function namedAlike(
  error: unknown,
  database: string,
  maintenanceSession: (purpose: string) => Promise<Session>,
): Promise<unknown> {
  if (!(error instanceof PotctlError) || error.code !== 'E_DATABASE_NOT_FOUND') return error;
  const names = await listDatabases(maintenanceSession).catch(() => []);
  const alike = closest(names, database);
  if (alike.length === 0) return error;
  return error.with({
    changed: 'nothing',
    fix: [`Did you mean ${alike.map((name) => `'${name}'`).join(', ')}?`, ...error.fix],
  });
}

async function listDatabases(maintenanceSession: (purpose: string) => Promise<Session>): Promise<string[]> {
  const session = await maintenanceSession('list databases');
  try {
    const rows = await session.query<{ name: string }>(
      'select datname as name from pg_catalog.pg_database where datallowconn and not datistemplate order by datname',
    );
    return rows.map(({ name }) => name);
  } finally {
    await session.close();
  }
}

/** Few databases: all of them, most similar first. Many: those that share letter pairs with the name. */
function closest(names: readonly string[], wanted: string): string[] {
  const scored = names.map((name) => ({ name, score: likeness(name, wanted) }));
  const chosen = names.length <= SHOWN ? scored : scored.filter(({ score }) => score > 0.3);
  return chosen
    .sort((one, other) => other.score - one.score)
    .slice(0, SHOWN)
    .map(({ name }) => name);
}

function likeness(one: string, other: string): number {
  const pairs = pairsOf(one);
  const others = pairsOf(other);
  const shared = [...pairs].filter((pair) => others.has(pair)).length;
  return (2 * shared) / Math.max(1, pairs.size + others.size);
}

function pairsOf(name: string): Set<string> {
  const text = ` ${name.toLowerCase()} `;
  return new Set(Array.from({ length: text.length - 1 }, (_, index) => text.slice(index, index + 2)));
}
