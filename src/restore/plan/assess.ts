import type { SettledPart } from '../../catalog/manifest.js';
import type { TocEntry } from '../../dump/toc.js';
import type { ErrorCode } from '../../kernel/error-catalog.js';
import { PotctlError } from '../../kernel/errors.js';
import { type Advice, advice, again, potctl, withoutRepeats } from '../../kernel/next.js';
import { quoteIdentifier } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import { type Accepted, acceptArguments, unneeded } from '../../runs/accept.js';
import { databaseOid } from '../../runs/database/facts.js';
import type { Asked, RestoreDeps } from '../deps.js';
import type { ObservedDatabase, ObservedServer } from './observe-server.js';

/** A problem that blocks a restore. */
export interface Blocker {
  readonly code: ErrorCode;
  readonly text: string;
  /** How to fix or accept it, most likely first. */
  readonly fix: readonly Advice[];
  /** The name by which it can be accepted; absent if it cannot. */
  readonly accept?: string;
}

/** Blockers and warnings of a plan. */
export interface Assessment {
  readonly blocking: readonly Blocker[];
  readonly warnings: readonly Advice[];
}

/** The parts of the request that decide about blockers. */
export interface AssessRequest {
  readonly mode: 'swap' | 'new';
  /** The name that the database will have. */
  readonly target: string;
  readonly expectedSystemIdentifier: string | null;
  readonly createRoles: boolean;
  /** Bytes that the new database needs. */
  readonly neededBytes: number;
  /** Entries of the dump that only a superuser may create. */
  readonly superuserEntries: readonly string[];
}

/** For this one restore, instead of granting privileges permanently. */
const AS_SUPERUSER = 'Restore as a superuser: set PGUSER, or `user` in the profile.';

/** Databases to which sessions must stay connected while another one is renamed. */
const MAINTENANCE = ['postgres', 'template0', 'template1'];

/** Determines what blocks restoring `part`, and what the operator should know. Pure. */
export function assessDatabase(part: SettledPart, server: ObservedServer, request: AssessRequest): Assessment {
  const warnings: Advice[] = [];
  const blocking = [
    ...serverBlockers(part, server, request),
    ...roleBlockers(server, request, warnings),
    ...rightBlockers(part, server, request),
    ...extensionBlockers(server, warnings),
    ...spaceBlockers(server, request, warnings),
    ...(request.mode === 'swap' && server.database !== null ? liveBlockers(server, server.database, request) : []),
  ];
  return { blocking, warnings };
}

/** A blocker without an error code of its own. */
export const block = (text: string, ...fix: Advice[]): Blocker => ({ code: 'E_BLOCKED', text, fix });

/** Adds the name by which the blocker can be accepted. Objects that then fail in pg_restore need `--continue-past-errors`. */
export const acceptable = (accept: string, blocker: Blocker): Blocker => ({ ...blocker, accept });

/** Requirements of every rename on this server: it is the right server, not read-only, and the role may rename. Pure. */
export function targetBlockers(
  server: ObservedServer,
  { expectedSystemIdentifier: expected }: Pick<AssessRequest, 'target' | 'expectedSystemIdentifier'>,
): Blocker[] {
  const found: Blocker[] = [];
  const { role } = server;
  if (expected !== null && expected !== server.systemIdentifier) {
    const text = `the system identifier of the server is ${server.systemIdentifier ?? 'not readable by this role'}; the profile expects ${expected}`;
    found.push({
      code: 'E_WRONG_TARGET',
      text,
      fix: [advice`Check host and port: ${potctl('config', 'show', '--origin')}.`],
    });
  }
  if (server.inRecovery) found.push(block('the server is a standby and read-only', 'Connect to the primary.'));
  if (!role.createDatabase) {
    found.push(
      block(`the role "${role.name}" may not create databases`, `ALTER ROLE ${quoteIdentifier(role.name)} CREATEDB;`),
    );
  }
  for (const name of server.takenNames)
    found.push(block(`a database "${name}" already exists`, 'Choose another name.'));
  return found;
}

function serverBlockers(part: SettledPart, server: ObservedServer, request: AssessRequest): Blocker[] {
  const found = targetBlockers(server, request);
  if (major(server.versionNum) < major(part.server.version_num ?? 0)) {
    const text = `the server is version ${server.version}, older than the backup's ${part.server.version}`;
    const fix = `Restore to a server of version ${major(part.server.version_num ?? 0)} or newer.`;
    found.push(acceptable('server-version', block(text, fix)));
  }
  for (const name of server.missingTablespaces) {
    found.push(
      block(`the tablespace "${name}" does not exist`, `CREATE TABLESPACE ${quoteIdentifier(name)} LOCATION '…';`),
    );
  }
  if (request.mode === 'swap' && MAINTENANCE.includes(request.target)) {
    const text = `"${request.target}" is the database that potctl connects to during the swap`;
    found.push(block(text, advice`Restore it under another name: ${again('--mode', 'new', '--into', 'NAME')}.`));
  }
  return found;
}

function roleBlockers(server: ObservedServer, request: AssessRequest, warnings: Advice[]): Blocker[] {
  if (server.missingRoles.length === 0) return [];
  const names = server.missingRoles.map((name) => `"${name}"`).join(', ');
  if (!request.createRoles) {
    return [block(`roles used in the backup do not exist: ${names}`, 'Create them, or repeat with --create-roles.')];
  }
  warnings.push(`roles that will be created from the globals of the backup: ${names}`);
  return [];
}

function rightBlockers(part: SettledPart, server: ObservedServer, request: AssessRequest): Blocker[] {
  const { role } = server;
  if (role.superuser) return [];
  const found: Blocker[] = [];
  for (const name of server.deniedTablespaces) {
    const text = `the role "${role.name}" may not create anything in the tablespace "${name}"`;
    found.push(block(text, `GRANT CREATE ON TABLESPACE ${quoteIdentifier(name)} TO ${quoteIdentifier(role.name)};`));
  }
  for (const { role: other } of part.properties.settings) {
    if (other === null || other === role.name) continue;
    found.push(block(`only a superuser may restore the database settings of role "${other}"`, AS_SUPERUSER));
  }
  for (const owner of server.foreignOwners) {
    const text = `objects belong to "${owner.name}", and "${role.name}" is not a member of that role`;
    // Membership in a superuser role would last long after this restore.
    const grant = `GRANT ${quoteIdentifier(owner.name)} TO ${quoteIdentifier(role.name)};`;
    const blocker = owner.powerful ? block(text, AS_SUPERUSER) : block(text, grant, `Or: ${AS_SUPERUSER}`);
    found.push(acceptable(`owner:${owner.name}`, blocker));
  }
  for (const entry of request.superuserEntries) {
    found.push(acceptable(`superuser:${entry}`, block(`only a superuser may create ${entry}`, AS_SUPERUSER)));
  }
  if (request.createRoles && server.missingRoles.length > 0) {
    found.push(
      block(`the role "${role.name}" cannot create roles with all their attributes`, 'Create them as a superuser.'),
    );
  }
  if (part.properties.security_labels.length > 0) {
    found.push(block('only a superuser may set the security labels of the database', AS_SUPERUSER));
  }
  return found;
}

function extensionBlockers(server: ObservedServer, warnings: Advice[]): Blocker[] {
  const found: Blocker[] = [];
  for (const { name, version, available, versionAvailable, mayCreate } of server.extensions) {
    if (!available) {
      const blocker = block(
        `the extension "${name}" is not installed on the server`,
        'Install its package on the server.',
      );
      found.push(acceptable(`extension:${name}`, blocker));
    } else if (!mayCreate) {
      const blocker = block(`only a superuser may create the extension "${name}"`, AS_SUPERUSER);
      found.push(acceptable(`extension:${name}`, blocker));
    } else if (!versionAvailable && version !== null) {
      warnings.push(
        `the extension "${name}" had version ${version} in the backup; the server does not have it and will use its default version`,
      );
    }
  }
  return found;
}

function spaceBlockers({ freeBytes }: ObservedServer, { neededBytes }: AssessRequest, warnings: Advice[]): Blocker[] {
  if (freeBytes === null) {
    warnings.push('free disk space on the server is unknown');
    return [];
  }
  if (freeBytes >= neededBytes) return [];
  const text = `the restored database needs ${neededBytes} bytes, but the server's disk has only ${freeBytes} bytes free`;
  return [{ code: 'E_NO_SPACE', text, fix: ['Free some space on the server.'], accept: 'space' }];
}

/** Blockers for renaming the live database. Pure. */
export function liveBlockers(
  server: ObservedServer,
  live: ObservedDatabase,
  request: Pick<AssessRequest, 'target'>,
): Blocker[] {
  const found: Blocker[] = [];
  const { role } = server;
  if (!live.owned && !role.superuser) {
    found.push(block(`the role "${role.name}" does not own the database "${request.target}"`, 'Restore as its owner.'));
  }
  if (live.template) {
    const fix = `ALTER DATABASE ${quoteIdentifier(request.target)} IS_TEMPLATE false;`;
    found.push(block(`the database "${request.target}" is a template`, fix));
  }
  for (const gid of live.preparedTransactions) {
    const fix = `COMMIT PREPARED '${gid}';  or  ROLLBACK PREPARED '${gid}';`;
    found.push(block(`the prepared transaction "${gid}" locks the database`, fix));
  }
  for (const binding of live.bindings) {
    found.push(
      acceptable(binding, block(`${binding} is bound to the current database and would stay with it after the swap`)),
    );
  }
  const stuck = live.sessions.filter(({ mayEnd }) => !mayEnd);
  if (stuck.length > 0) {
    const names = stuck.map(({ pid, user, application }) => `pid ${pid} (${user}, ${application})`).join(', ');
    const text = `"${role.name}" may not terminate these sessions: ${names}`;
    found.push({ code: 'E_TARGET_BUSY', text, fix: endingSessions(stuck) });
  }
  return found;
}

/** How to end these sessions. Not by granting a right to terminate all sessions, which would outlast the restore. Pure. */
export function endingSessions(stuck: readonly { readonly pid: number }[]): string[] {
  const calls = stuck.map(({ pid }) => `pg_terminate_backend(${pid})`).join(', ');
  return [
    'Stop the programs that use the database (restore.stop_writers in the profile).',
    `Or as a superuser: SELECT ${calls};`,
  ];
}

const major = (versionNum: number): number => Math.floor(versionNum / 10_000);

/** Codes of blockers with their own exit code, most serious first; all others are E_BLOCKED. */
const OWN_CODES = [
  'E_WRONG_TARGET',
  'E_PROFILE_REQUIRED',
  'E_BACKUP_CORRUPT',
  'E_FILES_DENIED',
  'E_TOOL_MISSING',
  'E_TOOL_OLD',
  'E_NO_SPACE',
  'E_TARGET_BUSY',
];

/** The blocker that decides the exit code; undefined if there is none. Pure. */
export function decisiveBlocker(blocking: readonly Blocker[]): Blocker | undefined {
  const own = OWN_CODES.flatMap((code) => blocking.filter((blocker) => blocker.code === code));
  return own[0] ?? blocking[0];
}

/** Turns blockers that were accepted by name into warnings. Pure. */
export function settleAccepted(
  { blocking, warnings }: Assessment,
  accept: readonly string[],
): Assessment & { readonly accepted: readonly Accepted[] } {
  const isAccepted = (blocker: Blocker): boolean => blocker.accept !== undefined && accept.includes(blocker.accept);
  const accepted = blocking.filter(isAccepted).map(({ accept: name, text }) => ({ name: name!, evidence: text }));
  const notes = accepted.map(({ name, evidence }) => `${evidence} (accepted: ${name})`);
  return {
    blocking: blocking.filter((blocker) => !isAccepted(blocker)),
    warnings: [...warnings, ...notes, ...unneeded(accept, accepted, 'plan')],
    accepted,
  };
}

/** Throws an error with all blockers, if there are any. @throws the code of the decisive blocker */
export function refuseBlocked(blocking: readonly Blocker[]): void {
  const decisive = decisiveBlocker(blocking);
  if (decisive === undefined) return;
  const others = blocking.filter((blocker) => blocker !== decisive).map(({ text }) => text);
  throw new PotctlError(decisive.code, decisive.text, {
    ...(others.length === 0 ? {} : { why: `also: ${others.join('; ')}` }),
    fix: [...withoutRepeats(blocking.flatMap(({ fix }) => fix)), ...acceptAll(blocking)],
  });
}

/** The command that accepts all blockers; none if one of them cannot be accepted. */
function acceptAll(blocking: readonly Blocker[]): readonly Advice[] {
  const findings = blocking.flatMap(({ accept, text }) => (accept === undefined ? [] : [{ name: accept, text }]));
  if (findings.length < blocking.length) return [];
  const isOfObjects = findings.some(({ name }) => OF_OBJECTS.test(name));
  const flags = [...acceptArguments(findings), ...(isOfObjects ? ['--continue-past-errors'] : [])];
  return ['Or accept the blockers, which is recorded in the run:', again(...flags)];
}

/** With these, single objects will certainly fail in pg_restore. Others may fail; then the later error prints the flag. */
const OF_OBJECTS = /^(extension|owner|superuser):/;

/** Refuses if the database is not the one in the plan any more. @throws E_REFUSED */
export async function refuseStale(
  { server }: Pick<RestoreDeps, 'server'>,
  planned: { readonly name: string; readonly oid: number | null } | null,
): Promise<void> {
  if (planned === null || server === null) return;
  const oid = await inSession(server.maintenanceSession('restore.plan'), (session) =>
    databaseOid(session, planned.name),
  );
  if (oid === planned.oid) return;
  throw new PotctlError('E_REFUSED', `the database "${planned.name}" is not the one that the plan showed`, {
    why: 'it was replaced, created or dropped in the meantime',
    fix: ['Repeat the command: it makes a new plan.'],
  });
}

/** A destructive command on production requires the profile on the command line, not as a default. Pure. */
export function profileBlockers({ profile }: Pick<Asked, 'profile'>): Blocker[] {
  if (profile.environment !== 'production' || profile.onCommandLine) return [];
  const text = `"${profile.name}" is a production profile: name it on the command line`;
  return [
    {
      code: 'E_PROFILE_REQUIRED',
      text,
      fix: [advice`Repeat the command with the profile: ${again('-p', profile.name ?? 'NAME')}.`],
    },
  ];
}

/** Kinds of objects that only superusers may create, as pg_restore names them. */
const SUPERUSER_ONLY = new Set([
  'ACCESS METHOD',
  'EVENT TRIGGER',
  'FOREIGN DATA WRAPPER',
  'OPERATOR CLASS',
  'OPERATOR FAMILY',
  'SHELL TYPE',
  'SUBSCRIPTION',
  'TEXT SEARCH PARSER',
  'TEXT SEARCH TEMPLATE',
]);
const SHOWN = 10;

/**
 * The entries of a dump that only a superuser can create, e.g. `EVENT TRIGGER audit_ddl`. Pure.
 *
 * @param publications those that only a superuser may create: the table of contents does not distinguish them
 */
export function superuserEntries(toc: readonly TocEntry[], publications: readonly string[]): string[] {
  const found = toc.filter(({ desc }) => SUPERUSER_ONLY.has(desc)).map(({ desc, name }) => `${desc} ${name}`);
  const all = [...found, ...publications.map((publication) => `PUBLICATION ${publication}`)];
  return all.length > SHOWN ? [...all.slice(0, SHOWN), `${all.length - SHOWN} more objects`] : all;
}
