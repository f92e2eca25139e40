import { PotctlError } from '../../errors.js';
import { databaseOid } from '../database/facts.js';
import type { RestoreDeps } from '../deps.js';
import { inSession } from '../in-session.js';
import type { Blocker } from './assess.js';

/** Reasons that have an exit code of their own, the gravest first; every other is E_BLOCKED. */
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

/** The blocker that decides the exit code; undefined if nothing is in the way. Pure. */
export function decisiveBlocker(blocking: readonly Blocker[]): Blocker | undefined {
  const own = OWN_CODES.flatMap((code) => blocking.filter((blocker) => blocker.code === code));
  return own[0] ?? blocking[0];
}

/** Throws what stands in the way, all of it. @throws the decisive blocker's code */
export function refuseBlocked(blocking: readonly Blocker[]): void {
  const decisive = decisiveBlocker(blocking);
  if (decisive === undefined) return;
  const others = blocking.filter((blocker) => blocker !== decisive).map(({ text }) => text);
  throw new PotctlError(decisive.code, decisive.text, {
    ...(others.length === 0 ? {} : { why: `also: ${others.join('; ')}` }),
    fix: [...new Set(blocking.flatMap(({ fix }) => fix))],
  });
}

/** Is the database still the one that the plan showed? @throws E_REFUSED */
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
    why: 'it was replaced, created or dropped since',
    fix: ['Repeat the command: it makes a new plan.'],
  });
}
