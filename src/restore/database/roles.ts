import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { DatabasePart } from '../../catalog/manifest.js';
import { PotctlError } from '../../kernel/errors.js';
import { sqlstateOf } from '../../postgres/errors.js';
import { quoteIdentifier } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server, Session } from '../../postgres/server.js';

/** The text of the backup's globals; empty if it has none. */
export async function readGlobals(folder: string, { globals }: Pick<DatabasePart, 'globals'>): Promise<string> {
  return globals === null ? '' : readFile(path.join(folder, globals.file), 'utf8');
}

/**
 * Creates the roles that the server lacks from the backup's globals (attributes, password hash, settings, memberships of the new roles).
 * Never alters existing roles. One transaction: all or none; only settings that this server rejects are skipped.
 *
 * @returns what was skipped, as text
 * @throws E_DB_DENIED, E_DB_QUERY
 */
export async function createMissingRoles(
  server: Server,
  globals: string,
  missing: readonly string[],
): Promise<readonly string[]> {
  const { needed, optional } = roleStatements(globals, missing);
  return inSession(server.maintenanceSession('restore.roles'), async (session) => {
    await session.query('begin');
    for (const statement of needed) await session.query(statement);
    const leftOut: string[] = [];
    for (const statement of optional) leftOut.push(...(await tryStatement(session, statement)));
    await session.query('commit');
    return leftOut;
  });
}

/** A parameter may not exist in this version, or belong to a library that is not loaded. */
async function tryStatement(session: Session, statement: string): Promise<string[]> {
  await session.query('savepoint optional');
  try {
    await session.query(statement);
    await session.query('release savepoint optional');
    return [];
  } catch (error) {
    if (sqlstateOf(error) === undefined || !(error instanceof PotctlError)) throw error;
    await session.query('rollback to savepoint optional');
    return [`skipped: ${statement} (${error.message})`];
  }
}

/**
 * Extracts the statements that create the missing roles from the text of `pg_dumpall --globals-only`. A role that it does not contain is
 * created with NOLOGIN. `optional`: settings and comments. Pure.
 */
export function roleStatements(
  globals: string,
  missing: readonly string[],
): { readonly needed: readonly string[]; readonly optional: readonly string[] } {
  const statements = statementsOf(globals);
  const of = (role: string, ...starts: string[]): string[] =>
    spellings(role).flatMap((name) =>
      statements.filter((text) => starts.some((start) => text.startsWith(`${start} ${name} `))),
    );
  const created = missing.flatMap((role) => {
    const attributes = of(role, 'ALTER ROLE').find((text) => / WITH /.test(text));
    const create = `CREATE ROLE ${quoteIdentifier(role)}`;
    return attributes === undefined ? [`${create} NOLOGIN;`] : [`${create};`, attributes];
  });
  const settings = missing.flatMap((role) => of(role, 'ALTER ROLE', 'COMMENT ON ROLE'));
  return {
    needed: [
      ...created,
      ...memberships(statements).flatMap((one) => (missing.includes(one.member) ? [one.grant] : [])),
    ],
    optional: settings.filter((text) => !created.includes(text)),
  };
}

/**
 * The roles to create: those wanted that are missing, and missing roles of which they become members. Pure.
 *
 * @param isMissing whether the server lacks the role
 */
export function rolesToCreate(
  globals: string,
  wanted: readonly string[],
  isMissing: (role: string) => boolean,
): readonly string[] {
  const grants = memberships(statementsOf(globals));
  const found = new Set<string>();
  const visit = (role: string): void => {
    if (found.has(role) || !isMissing(role)) return;
    found.add(role);
    for (const { member, group } of grants) if (member === role) visit(group);
  };
  wanted.forEach(visit);
  return [...found].sort();
}

/** The roles that roles in the globals are members of. Pure. */
export function groupsIn(globals: string): readonly string[] {
  return [...new Set(memberships(statementsOf(globals)).map(({ group }) => group))];
}

interface Membership {
  readonly group: string;
  readonly member: string;
  /** Without the grantor, who may not exist. */
  readonly grant: string;
}

const NAME = '("(?:[^"]|"")*"|[^\\s";]+)';
const MEMBERSHIP = new RegExp(`^GRANT ${NAME} TO ${NAME}(?=[ ;])`, 's');
const GRANTOR = new RegExp(` GRANTED BY ${NAME};$`, 's');

function memberships(statements: readonly string[]): Membership[] {
  return statements.flatMap((text) => {
    const [, group, member] = MEMBERSHIP.exec(text) ?? [];
    if (group === undefined || member === undefined) return [];
    return [{ group: unquoted(group), member: unquoted(member), grant: text.replace(GRANTOR, ';') }];
  });
}

/** A statement may span several lines: a comment, or the value of a setting. */
function statementsOf(globals: string): string[] {
  const statements: string[] = [];
  let text = '';
  for (const line of globals.split('\n')) {
    if (text === '' && (line === '' || /^(--|\\)/.test(line))) continue;
    text += text === '' ? line : `\n${line}`;
    if (!text.endsWith(';') || !isBalanced(text)) continue;
    statements.push(text);
    text = '';
  }
  return statements;
}

const unquoted = (name: string): string => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);

/** pg_dumpall quotes a name only if necessary. */
function spellings(role: string): string[] {
  return /^[a-z_][a-z0-9_]*$/.test(role) ? [role, quoteIdentifier(role)] : [quoteIdentifier(role)];
}

/** Whether every string and every quoted name is closed. */
const isBalanced = (text: string): boolean => !/['"]/.test(text.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"/g, ''));
