import type { At } from './application.js';
import { instant, isTyped, namesOf, secretClass } from './sql.js';

const ADMIN_ROLES = `('super_admin', 'org_admin', 'admin')`;
const email = (withEmail: boolean): string => (withEmail ? 'min(email)' : 'null::text');

/** SQL for a factor's state, as the application's login reads it. */
export const FACTOR_STATE = `case when not is_active then 'inactive' when status = 'verified' then 'enabled'
                    when coalesce(status, 'pending') = 'pending' then 'pending' else 'inactive' end`;

/** SQL for people with the id or email `$1`, including those with factors but without a profile. */
export const evoPeople = (at: At, withEmail: boolean): string => `
  select p.id, p.email, null::text as username, p.name, coalesce(r.role, p.role) as role,
         coalesce(r.admin, false) or coalesce(p.role in ${ADMIN_ROLES}, false) as "isAdmin", null::boolean as active,
         coalesce(p.organizations, '{}') as organizations, p.created as "createdAt", null::text as "lastLoginAt",
         null::text as "lockedUntil", null::text as "updatedAt"
    from (select user_id::text as id, ${email(withEmail)} as email, min(full_name) as name, max(role) as role,
                 array_agg(distinct organization_id::text order by organization_id::text) as organizations,
                 ${instant('min(created_at)')} as created
            from ${at('profiles')}
           where user_id::text in ($1, lower($1))${withEmail ? ` or ${isTyped('email')}` : ''}
           group by user_id
           union all
          select distinct user_id::text, null, null, null, null::text[], null from ${at('mfa_factors')} f
           where user_id::text in ($1, lower($1))
             and not exists (select from ${at('profiles')} q where q.user_id::text = f.user_id::text)) p
         left join (select user_id::text as id, min(role) as role, bool_or(role in ${ADMIN_ROLES}) as admin
                      from ${at('user_roles')} group by user_id) r on r.id = p.id
   order by p.id`;

/** Roles are in two tables, and a person may be in neither. @see MfaFacet.guard */
export const evoWhose = (at: At, withEmail: boolean): string => `
  select case when exists (select from ${at('user_roles')} where user_id::text = $1 and role in ${ADMIN_ROLES})
                or exists (select from ${at('profiles')} where user_id::text = $1 and role in ${ADMIN_ROLES}) then 'an administrator'
              when $2 = lower($1)${withEmail ? ` or exists (select from ${at('profiles')} where user_id::text = $1 and $2 in (${namesOf('email')}))` : ''}
              then 'the account of the caller' end`;

/** Changes: a factor was created, enabled by a code, or disabled, also by creating another one instead. @see MfaFacet.changes */
export function evoChanges(at: At): string {
  const change = (column: string, where: string, words: string, actions: string): string => `
    select f.user_id::text as id, f.${column} as at, ${audited(at, column, words)} as recorded, array[${actions}] as actions
      from ${at('mfa_factors')} f where ${where}`;
  return [
    change('created_at', 'true', `'MFA_ENABLED'`, `'mfa.enroll'`),
    change('verified_at', `f.is_active and f.status = 'verified'`, `'MFA_VERIFIED'`, `'mfa.confirm'`),
    change(
      'deactivated_at',
      'not f.is_active',
      `'MFA_DISABLED', 'MFA_ENABLED'`,
      `'mfa.disable', 'mfa.reset', 'mfa.enroll'`,
    ),
  ].join(' union all ');
}

/** SQL for a row in the application's own audit table within a minute. A person whose id is not a uuid is not in it, but the factor is. */
function audited(at: At, column: string, words: string): string {
  const minute = 'pg_catalog.make_interval(mins => 1)';
  return `exists (select from ${at('audit_logs')} a
                   where a.action in (${words}) and (a.user_id::text = f.user_id::text or a.resource_id = f.id::text)
                     and a.created_at between f.${column} - ${minute} and f.${column} + ${minute})`;
}

/** SQL with one row per person. @see OVERVIEW_COLUMNS */
export const evoOverview = (at: At, withEmail: boolean, secrets: boolean): string => `
  select id as key, id, p.email, null::text as username, coalesce(r.role, p.role) as role,
         coalesce(r.admin, false) or coalesce(p.role in ${ADMIN_ROLES}, false) as admin, null::boolean as active,
         coalesce(p.organizations, '') as organizations, coalesce(f.enabled, false) or w.id is not null as enabled,
         ${secrets ? `coalesce(f.secret, 'none')` : `case when f.live then 'hidden' else 'none' end`} as secret,
         null::int as codes, false as plain, f.since, f.pending_since, f.last_used, null::text as locked_until
    from (select user_id::text as id, ${email(withEmail)} as email, max(role) as role,
                 string_agg(organization_id::text, ' ' order by organization_id) as organizations
            from ${at('profiles')} group by user_id) p
         full join (${factorsOfAll(at, secrets)}) f using (id)
         left join (select distinct user_id::text as id from ${at('webauthn_credentials')}) w using (id)
         left join (select user_id::text as id, min(role) as role, bool_or(role in ${ADMIN_ROLES}) as admin
                      from ${at('user_roles')} group by user_id) r using (id)`;

/** Reports the worst secret of a person's live factors: base32 only if all are. An empty secret counts as a factor. */
const factorsOfAll = (at: At, secrets: boolean): string => `
  select user_id::text as id, bool_or(state <> 'inactive') as live, bool_or(state = 'enabled') as enabled,
         ${secrets ? `coalesce(max(class) filter (where state <> 'inactive' and class <> 'base32'), case when bool_or(state <> 'inactive') then 'base32' end)` : 'null'} as secret,
         ${instant(`min(verified_at) filter (where state = 'enabled')`)} as since,
         ${instant(`min(created_at) filter (where state = 'pending')`)} as pending_since,
         ${instant('max(last_used_at)')} as last_used
    from (select user_id, verified_at, created_at, last_used_at, ${FACTOR_STATE} as state,
                 ${secrets ? `case when secret = '' then 'odd' else ${secretClass('secret', 'skip')} end` : 'null'} as class
            from ${at('mfa_factors')}) each_one
   group by user_id`;
