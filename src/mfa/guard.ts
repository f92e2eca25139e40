import type { Person } from '../applications/application.js';
import { CLOCK } from '../applications/sql.js';
import { isProtected } from '../config/guards.js';
import { ERROR_CATALOG } from '../kernel/error-catalog.js';
import { PotctlError } from '../kernel/errors.js';
import { type Advice, advice, again, potctl } from '../kernel/next.js';
import { quoteQualified } from '../postgres/identifiers.js';
import type { Session } from '../postgres/server.js';
import type { MfaPolicy, Uses } from './deps.js';
import { squashed } from './near-names.js';
import { nameOf } from './people.js';
import { requireReason } from './reason.js';

/** What is done to a second factor: the name of the command, and in the journal `mfa.<action>`. */
export type Action = 'enroll' | 'confirm' | 'codes' | 'reset' | 'disable' | 'unlock';

const PER_HOUR = 10;
const PEOPLE_PER_10_MIN = 3;

/** Why `--break-glass` is required, in sentences, and warnings that do not require it. */
export interface Caution {
  readonly guarded: readonly string[];
  readonly warnings: readonly Advice[];
}

/**
 * Refuses risky changes: no reason or ticket, production without `-p`, an administrator, one's own account, a protected command; in
 * production also an all-powerful database role, or too many changes in a short time.
 *
 * @returns the guards that `--break-glass` overrode, and warnings
 * @throws E_REASON_REQUIRED, E_PROFILE_REQUIRED, E_BREAK_GLASS
 */
export async function guardChange(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  session: Session,
  person: Person,
  action: Action,
): Promise<Caution> {
  const { actor, policy } = deps;
  const { application, schema } = deps.database;
  refuseUnexplained(deps);
  const [role] = await session.query<Role>(ROLE, [quoteQualified(schema, application.mfa.secretColumn.table)]);
  const risk = riskyRole(role!);
  const over = await overBudget(deps, session, role!.name);
  const own = isOwn(actor.operator, actor.osUser, role!.name, person);
  const guarded = [
    ...(person.isAdmin ? [`${nameOf(person)} is an administrator`] : []),
    ...(own ? [`${nameOf(person)} is your own account`] : []),
    ...(isProtected(policy.protected, `mfa ${action}`) ? [`the profile protects mfa.${action}`] : []),
    ...(policy.isProduction ? [...risk, ...over] : []),
  ];
  if (guarded.length > 0 && !actor.breakGlass) {
    throw new PotctlError('E_BREAK_GLASS', `\`mfa ${action}\` for '${nameOf(person)}' requires --break-glass`, {
      why: guarded.join('\n'),
      fix: [
        ...(own ? ['Ask a colleague to do it.'] : []),
        ...(person.isAdmin ? [ADMINS] : ERROR_CATALOG.E_BREAK_GLASS.remedy),
        ...(risk.length > 0 && policy.isProduction ? [advice`Create a role with fewer rights: ${SMALLER}`] : []),
      ],
    });
  }
  const warned = risk.map((text) => advice`${text} (${SMALLER} prints a role with fewer rights)`);
  return { guarded, warnings: policy.isProduction ? [] : [...warned, ...over] };
}

/** Refuses a command that is not about one person, if the profile protects it. @throws E_BREAK_GLASS */
export function refuseProtected({ actor, policy }: Uses<'actor' | 'policy'>, command: string): void {
  if (actor.breakGlass || !isProtected(policy.protected, `mfa ${command}`)) return;
  throw new PotctlError('E_BREAK_GLASS', `\`mfa ${command}\` requires --break-glass`, {
    why: `the profile protects mfa.${command}`,
  });
}

/** Checks what needs no database, to refuse early. @throws E_REASON_REQUIRED, E_PROFILE_REQUIRED */
export function refuseUnexplained({ actor, policy }: Uses<'actor' | 'policy'>): void {
  requireReason(actor, policy);
  refuseUnnamedProduction(policy);
}

/** Refuses a change of production unless -p names the profile. @throws E_PROFILE_REQUIRED */
export function refuseUnnamedProduction(policy: MfaPolicy): void {
  if (!policy.isProduction || policy.profileOnCommandLine) return;
  throw new PotctlError('E_PROFILE_REQUIRED', 'the default profile is production: name it on the command line', {
    fix: [advice`Repeat with its name: ${again('-p', policy.profile ?? 'NAME')}.`],
  });
}

interface Role {
  readonly name: string;
  readonly super: boolean;
  readonly bypass: boolean;
  readonly owner: boolean;
}

const ROLE = `select session_user::text as name, rolsuper as super, rolbypassrls as bypass,
                     coalesce(pg_has_role(session_user, (select relowner from pg_class where oid = to_regclass($1)), 'member'), false) as owner
                from pg_roles where rolname = session_user`;

const ADMINS = advice`Changes to administrators require --break-glass, which is recorded in the journal: ${again('--break-glass')}`;
const SMALLER = potctl('grants', 'sql', '--role', 'support');

function riskyRole({ name, super: all, bypass, owner }: Role): string[] {
  const what = all
    ? 'is a superuser'
    : bypass
      ? 'bypasses row security'
      : owner
        ? "owns the application's tables"
        : null;
  if (what === null) return [];
  return [`the database role '${name}' ${what}, so the journal cannot prove who made the change`];
}

async function overBudget({ journal }: Uses<'journal'>, session: Session, role: string): Promise<string[]> {
  if ((await journal.version(session)) === null) return [];
  const [row] = await session.query<{ changes: number; people: number; changesIn: number; peopleIn: number }>(
    `with made as (
       select at, target from potctl.journal
        where db_role = $1 and at > ${CLOCK} - interval '1 hour' and status = 'done' and details->>'changed' = 'true'
          and action in ('mfa.enroll', 'mfa.codes', 'mfa.reset', 'mfa.disable', 'mfa.unlock')
     ), people as (
       select max(at) as at from made where at > ${CLOCK} - interval '10 minutes' group by target
     )
     select (select count(*)::int from made) as changes, (select count(*)::int from people) as people,
            (select ${minutesUntil(`interval '1 hour'`)} from made order by at desc offset ${PER_HOUR - 1} limit 1) as "changesIn",
            (select ${minutesUntil(`interval '10 minutes'`)} from people order by at desc offset ${PEOPLE_PER_10_MIN - 1} limit 1) as "peopleIn"`,
    [role],
  );
  const { changes, people, changesIn, peopleIn } = row!;
  const again = (minutes: number): string =>
    `below the limit again in ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`;
  return [
    ...(changes >= PER_HOUR ? [`${changes} changes by '${role}' in the last hour (${again(changesIn)})`] : []),
    ...(people >= PEOPLE_PER_10_MIN
      ? [`${people} people changed by '${role}' in the last 10 minutes (${again(peopleIn)})`]
      : []),
  ];
}

/** Whole minutes until a row is older than `age`. */
const minutesUntil = (age: string): string => `ceil(extract(epoch from at + ${age} - ${CLOCK}) / 60)::int`;

/** Returns whether the operator, the OS user or the database role matches the person's name, email or its local part. */
function isOwn(operator: string, osUser: string, role: string, { username, email, id }: Person): boolean {
  const names = [username, email, email?.split('@')[0], id].filter((name) => name != null).map(squashed);
  const claims = [operator, operator.split('@')[0]!, osUser, role].map(squashed);
  return claims.some((claim) => names.includes(claim));
}
