import { PotctlError, type RepeatWith } from '../../kernel/errors.js';
import { inSession } from '../../postgres/in-session.js';
import { type Accepted, acceptArguments, unneeded } from '../../runs/accept.js';
import { databaseOid } from '../../runs/database/facts.js';
import type { RestoreDeps } from '../deps.js';
import type { Assessment, Blocker } from './assess.js';

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

/** Takes what a person accepted by name out of the way, and says so. Pure. */
export function settleAccepted(
  { blocking, warnings }: Assessment,
  accept: readonly string[],
): Assessment & { readonly accepted: readonly Accepted[] } {
  const isAccepted = (blocker: Blocker): boolean => blocker.accept !== undefined && accept.includes(blocker.accept);
  const accepted = blocking.filter(isAccepted).map(({ accept: name, text }) => ({ name: name!, evidence: text }));
  const told = accepted.map(({ name, evidence }) => `${evidence} (accepted: ${name})`);
  return {
    blocking: blocking.filter((blocker) => !isAccepted(blocker)),
    warnings: [...warnings, ...told, ...unneeded(accept, accepted, 'plan')],
    accepted,
  };
}

/** Throws what stands in the way, all of it. @throws the decisive blocker's code */
export function refuseBlocked(blocking: readonly Blocker[]): void {
  const decisive = decisiveBlocker(blocking);
  if (decisive === undefined) return;
  const others = blocking.filter((blocker) => blocker !== decisive).map(({ text }) => text);
  throw new PotctlError(decisive.code, decisive.text, {
    ...(others.length === 0 ? {} : { why: `also: ${others.join('; ')}` }),
    fix: [...new Set(blocking.flatMap(({ fix }) => fix))],
    ...acceptAll(blocking),
  });
}

/** The line that accepts all of it; none where something cannot be accepted. */
function acceptAll(blocking: readonly Blocker[]): { readonly repeatWith?: RepeatWith } {
  const findings = blocking.flatMap(({ accept, text }) => (accept === undefined ? [] : [{ name: accept, text }]));
  if (findings.length < blocking.length) return {};
  const isOfObjects = findings.some(({ name }) => OF_OBJECTS.test(name));
  const argv = [...acceptArguments(findings), ...(isOfObjects ? ['--continue-past-errors'] : [])];
  return { repeatWith: { text: 'Or accept it, which the record of the run keeps:', argv } };
}

/** Then single objects are sure to fail in pg_restore; where one only may fail, its own refusal has the line. */
const OF_OBJECTS = /^(extension|owner|superuser):/;

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
