import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { DatabasePart } from '../../backup/manifest.js';
import { quoteIdentifier } from '../../postgres/identifiers.js';
import type { Server } from '../../postgres/server.js';
import { inSession } from '../in-session.js';

/**
 * Creates the roles that the server lacks, as the backup's globals describe them (attributes, password hash, memberships of the new roles).
 * Roles that exist are never altered. One transaction: all or none.
 *
 * @throws E_DB_DENIED, E_DB_QUERY
 */
export async function createMissingRoles(
  server: Server,
  folder: string,
  { globals }: DatabasePart,
  missing: readonly string[],
): Promise<void> {
  const text = globals === null ? '' : await readFile(path.join(folder, globals.file), 'utf8');
  const statements = roleStatements(text, missing);
  await inSession(server.maintenanceSession('restore.roles'), async (session) => {
    await session.query('begin');
    for (const statement of statements) await session.query(statement);
    await session.query('commit');
  });
}

/**
 * Picks what creates the missing roles out of the text of `pg_dumpall --globals-only`. A role that it does not mention, and a line
 * that is not whole (a string with a line feed in it), gives a role that cannot log in. Pure.
 */
export function roleStatements(globals: string, missing: readonly string[]): string[] {
  const lines = globals.split('\n').filter((line) => line.endsWith(';') && isBalanced(line));
  return [...missing.flatMap((role) => creationOf(lines, role)), ...missing.flatMap((role) => grantsTo(lines, role))];
}

function creationOf(lines: readonly string[], role: string): string[] {
  const found = spellings(role).flatMap((name) => lines.filter((line) => line.startsWith(`ALTER ROLE ${name} WITH `)));
  const attributes = found[0];
  const created = `CREATE ROLE ${quoteIdentifier(role)}`;
  return attributes === undefined ? [`${created} NOLOGIN;`] : [`${created};`, attributes];
}

/** What the new role becomes a member of; nobody who exists becomes a member of something new. */
function grantsTo(lines: readonly string[], role: string): string[] {
  return spellings(role).flatMap((name) =>
    lines
      .filter(
        (line) =>
          line.startsWith('GRANT ') && new RegExp(` TO ${escapeRegExp(name)}( WITH |;| GRANTED BY )`).test(line),
      )
      .map((line) => line.replace(/ GRANTED BY (?:"(?:[^"]|"")*"|[^\s"]+);$/, ';')),
  );
}

/** pg_dumpall quotes a name only where it must be. */
function spellings(role: string): string[] {
  return /^[a-z_][a-z0-9_]*$/.test(role) ? [role, quoteIdentifier(role)] : [quoteIdentifier(role)];
}

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

const isBalanced = (line: string): boolean => (line.match(/'/g) ?? []).length % 2 === 0;
