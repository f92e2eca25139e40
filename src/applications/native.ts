import { randomUUID } from 'node:crypto';
import { type At, type AuditFact, adapter, type Factor, type Person, PRIVATE, type WithMfa } from './application.js';
import { NATIVE_FUNCTIONS, NATIVE_TABLES } from './native-tables.js';
import { endSessions, lockPerson, NATIVE_CODE_WRITES, NATIVE_WRITES } from './native-writes.js';
import { CLOCK, insertOne, instant, isTyped, isUuid, lockedUntil, secretClass } from './sql.js';

/**
 * The reference application, which a new application should adopt: secrets are encrypted and bound to their row, backup codes are scrypt
 * hashes, and used codes are remembered.
 *
 * @see templates/sql/native-1.sql
 * @see templates/sql/native-2.sql
 */
export const native = adapter<WithMfa>((at) => ({
  name: 'native',
  signature: { table: 'users', columns: ['must_enroll', 'failed_logins', 'locked_until', 'full_name'] },
  tables: NATIVE_TABLES,

  people: {
    names: { table: at('users'), id: 'id', email: 'email', username: 'username' },
    find: (session, wanted) =>
      session.query<Person>(
        `select id::text, email, username, full_name as name, role, role = 'admin' as "isAdmin", active,
                array[]::text[] as organizations, ${instant('created_at')} as "createdAt", ${instant('last_login_at')} as "lastLoginAt",
                ${LOCKED_UNTIL} as "lockedUntil", ${instant('updated_at')} as "updatedAt"
           from ${at('users')} where id = $2 or ${isTyped('email')} or ${isTyped('username')}
          order by id`,
        [wanted, isUuid(wanted) ? wanted : null],
      ),
  },

  mfa: {
    functions: NATIVE_FUNCTIONS,
    secretColumn: { table: 'mfa_factors', column: 'secret' },
    totp: {
      ...{ window: 1, second: 'floor', storedAs: 'envelope', issuer: 'potctl' },
      ...{ strangers: 'refuse', minBytes: 16 },
    },
    several: false,
    factorId: 'own',
    facts: { noReplayGuard: '' },

    async readFactors(session, person, { secrets, lock }) {
      if (lock) await lockPerson(session, person);
      const rows = await session.query<Factor>(
        `select id::text, kind, label, case status when 'disabled' then 'inactive' else status end as state,
                ${secrets ? 'secret' : 'null'} as secret, ${instant('created_at')} as "createdAt",
                ${instant('enabled_at')} as "verifiedAt", ${instant('last_used_at')} as "lastUsedAt"
           from ${at('mfa_factors')} where user_id = $1 order by id`,
        [person.id],
      );
      return secrets ? rows : rows.map((factor) => ({ ...factor, secret: undefined }));
    },

    ...NATIVE_WRITES,
    async mustEnroll(session, person) {
      const [row] = await session.query<{ must: boolean }>(
        `select must_enroll as must from ${at('users')} where id = $1`,
        [person.id],
      );
      return row?.must ?? false;
    },

    codes: {
      kind: 'crockford-scrypt',
      atLogin: ['crockford-scrypt'],
      async read(session, person) {
        const rows = await session.query<{ hash: string }>(
          `select hash from ${at('backup_codes')} where ${UNUSED} order by place`,
          [person.id],
        );
        return rows.map(({ hash }) => hash);
      },
      async count(session, person) {
        const [role] = await session.query<{ may: boolean }>(
          `select pg_catalog.bool_and(pg_catalog.has_column_privilege($1, name, 'select')) as may
             from pg_catalog.unnest(array['user_id', 'used_at']) as name`,
          [at('backup_codes')],
        );
        if (!role!.may) return null;
        const [row] = await session.query<{ unused: number }>(
          `select pg_catalog.count(*)::pg_catalog.int4 as unused from ${at('backup_codes')} where ${UNUSED}`,
          [person.id],
        );
        return row!.unused;
      },
      ...NATIVE_CODE_WRITES,
    },

    sealed: {
      all: `select id::text as factor_id, user_id::text, secret from ${at('mfa_factors')} where secret is not null`,
      async next(session, { prefix, after, limit }) {
        const rows = await session.query<{ factor_id: string; user_id: string; secret: string }>(
          `select id::text as factor_id, user_id::text, secret from ${at('mfa_factors')}
            where secret is not null and not starts_with(secret, $1) and ($2::uuid is null or id > $2) order by id limit $3 for update`,
          [prefix, after, limit],
        );
        return rows.map(({ factor_id, user_id, secret }) => [factor_id, user_id, secret]);
      },
      async replace(session) {
        const written = await session.query<{ kept: boolean }>(
          `update ${at('mfa_factors')} set secret = fresh.value
             from ${PRIVATE} factor join ${PRIVATE} old on old.n = factor.n + 1 join ${PRIVATE} fresh on fresh.n = factor.n + 2
            where factor.n % 3 = 0 and id = factor.value::uuid and secret = old.value
            returning secret = fresh.value as kept`,
        );
        return written.filter(({ kept }) => kept).length;
      },
      async kept(session) {
        const [row] = await session.query<{ kept: number }>(
          `select pg_catalog.count(*)::int as kept
             from ${PRIVATE} factor join ${PRIVATE} fresh on fresh.n = factor.n + 2 join ${at('mfa_factors')} on id = factor.value::uuid
            where factor.n % 3 = 0 and secret = fresh.value`,
        );
        return row!.kept;
      },
    },
    changes: `
      select f.user_id::text as id, f.enabled_at as at, ${audited('f.user_id', 'f.enabled_at', `'mfa.confirmed'`)} as recorded, array['mfa.enroll', 'mfa.confirm', 'mfa.codes'] as actions
        from potctl_app.mfa_factors f where f.status = 'enabled'
      union all
      select c.user_id::text, c.at, ${audited('c.user_id', 'c.at', `'mfa.confirmed', 'mfa.codes_replaced'`)}, array['mfa.enroll', 'mfa.confirm', 'mfa.codes']
        from (select b.user_id, pg_catalog.max(b.created_at) as at from potctl_app.backup_codes b group by b.user_id) c`,
    overview: (secrets) => ({ keyType: 'uuid', sql: overviewOf(at, secrets) }),
  },

  sessions: {
    async count(session, person) {
      const [row] = await session.query<{ live: number }>(
        `select count(*)::int as live from ${at('sessions')} where ${LIVE}`,
        [person.id],
      );
      return row!.live;
    },
    end: endSessions,
  },

  audit: {
    async append(session, person, { event, factorId, details, runId, traceId }) {
      const operator = details['operator'] ?? null;
      await insertOne(
        session,
        at('audit_log'),
        `insert into ${at('audit_log')} (id, user_id, actor, action, resource_type, resource_id, status, request_id, trace_id, details)
         values ($1, $2, $3, $4, 'mfa_factor', $5, $6, $7, $8, $9::jsonb)`,
        [
          ...[randomUUID(), person.id, operator, ACTIONS[event], factorId, event === 'failed' ? 'failure' : 'success'],
          ...[runId, traceId, JSON.stringify(details)],
        ],
      );
    },
  },

  security: {
    async append(session, person, { type, severity, description, details }) {
      await insertOne(
        session,
        at('security_events'),
        `insert into ${at('security_events')} (id, type, severity, description, user_id, details) values ($1, $2, $3, $4, $5, $6::jsonb)`,
        [randomUUID(), type, severity, description, person.id, JSON.stringify(details)],
      );
    },
  },
}));

const LOCKED_UNTIL = lockedUntil('locked_until', CLOCK, instant('locked_until'));
const UNUSED = 'user_id = $1 and used_at is null';
const LIVE = `user_id = $1 and revoked_at is null and expires_at > ${CLOCK}`;

const ACTIONS: Readonly<Record<AuditFact['event'], string>> = {
  enroll: 'mfa.enrolled',
  confirm: 'mfa.confirmed',
  disable: 'mfa.disabled',
  codes: 'mfa.codes_replaced',
  passed: 'mfa.code_accepted',
  failed: 'mfa.code_refused',
  unlock: 'account.unlocked',
};

/** SQL for a row in the application's own audit table within a minute. */
function audited(user: string, at: string, actions: string): string {
  const minute = `pg_catalog.make_interval(mins => 1)`;
  return `exists (select from potctl_app.audit_log a where a.user_id = ${user} and a.action in (${actions}) and a.status = 'success'
                     and a.at between ${at} - ${minute} and ${at} + ${minute})`;
}

const overviewOf = (at: At, secrets: boolean): string => `
  select u.id as key, u.id::text as id, email, username, role, role = 'admin' as admin, active, ''::text as organizations,
         coalesce(f.enabled, false) as enabled,
         ${secrets ? `coalesce(f.secret, 'none')` : `case when f.live then 'hidden' else 'none' end`} as secret,
         coalesce(c.left_over, 0) as codes, false as plain, f.since, f.pending_since, f.last_used, ${LOCKED_UNTIL} as locked_until
    from ${at('users')} u
         left join (select user_id, bool_or(status <> 'disabled') as live, bool_or(status = 'enabled') as enabled,
                           ${secrets ? `max(${secretClass('secret', 'refuse')}) filter (where status <> 'disabled' and kind = 'totp')` : 'null'} as secret,
                           ${instant(`min(enabled_at) filter (where status = 'enabled')`)} as since,
                           ${instant(`min(created_at) filter (where status = 'pending')`)} as pending_since,
                           ${instant('max(last_used_at)')} as last_used
                      from ${at('mfa_factors')} group by user_id) f on f.user_id = u.id
         left join (select user_id, count(*)::int as left_over from ${at('backup_codes')} where used_at is null group by user_id) c
                on c.user_id = u.id`;
