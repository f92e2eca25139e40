import { randomUUID } from 'node:crypto';
import type { Session } from '../postgres/server.js';
import { type At, type AuditFact, adapter, type Factor, type Person, PRIVATE, type WithMfa } from './application.js';
import { CLOCK, insertOne, isTyped, isUuid, lockedUntil, secretClass, updateOne, utc, whose } from './sql.js';

/**
 * 3dPot (FastAPI, SQLAlchemy): one factor in the user's row, codes in a plain-text `json` list, naive timestamps in UTC, no server-side defaults.
 *
 * @see dronreef2/3dPot@d129403 backend/models/__init__.py, services/mfa_service.py, observability/audit.py
 */
export const threeDPot = adapter<WithMfa>((at) => ({
  name: '3dpot',
  signature: { table: 'users', columns: ['mfa_enabled', 'mfa_secret', 'mfa_backup_codes'] },
  tables: [
    {
      name: 'users',
      columns: {
        ...{ id: ['uuid'], email: ['character varying', 'text'], username: ['character varying', 'text'] },
        ...{ full_name: ['character varying', 'text'], is_active: ['boolean'], is_superuser: ['boolean'] },
        ...{ role: ['enum', 'text', 'character varying'], last_login: ['timestamp without time zone'] },
        ...{ login_attempts: ['integer'], locked_until: ['timestamp without time zone'], mfa_enabled: ['boolean'] },
        ...{ mfa_secret: ['character varying', 'text'], mfa_backup_codes: ['json'] },
        ...{ created_at: ['timestamp without time zone'], updated_at: ['timestamp without time zone'] },
      },
      hidden: ['mfa_secret', 'mfa_backup_codes'],
      updates: ['mfa_enabled', 'mfa_secret', 'mfa_backup_codes', 'login_attempts', 'locked_until', 'updated_at'],
    },
    {
      name: 'refresh_tokens',
      columns: {
        ...{ user_id: ['uuid'], is_active: ['boolean'], is_revoked: ['boolean'] },
        ...{ expires_at: ['timestamp without time zone'], revoked_at: ['timestamp without time zone'] },
      },
      updates: ['is_revoked', 'revoked_at'],
    },
    {
      name: 'audit_log',
      columns: {
        ...{ id: ['uuid'], user_id: ['uuid'], acao: ['character varying', 'text'] },
        ...{ tabela: ['character varying', 'text'], registro_id: ['character varying', 'text'] },
        ...{ dados_novos: ['json'], timestamp: ['timestamp without time zone'] },
      },
      inserts: true,
    },
  ],

  people: {
    names: { table: at('users'), id: 'id', email: 'email', username: 'username' },
    async find(session, wanted) {
      return session.query<Person>(
        `select id::text, email, username, full_name as name, role::text as role, ${ADMIN} as "isAdmin",
                coalesce(is_active, false) as active, array[]::text[] as organizations, ${utc('created_at')} as "createdAt",
                ${utc('last_login')} as "lastLoginAt", ${LOCKED_UNTIL} as "lockedUntil", ${utc('updated_at')} as "updatedAt"
           from ${at('users')} where id = $2 or ${isTyped('email')} or ${isTyped('username')}
          order by id`,
        [wanted, isUuid(wanted) ? wanted : null],
      );
    },
  },

  mfa: {
    secretColumn: { table: 'users', column: 'mfa_secret' },
    totp: {
      ...{ window: 1, second: 'floor', storedAs: 'plain', issuer: '3dPot' },
      ...{ strangers: 'refuse', minBytes: 1 },
    },
    several: false,
    factorId: 'person',
    facts: {
      noReplayGuard:
        'the application does not remember used codes: a code works there until it expires, a backup code always; only potctl uses codes up',
      requiredForAdmin:
        'with MFA_REQUIRED_FOR_ADMIN the login of the application refuses administrators without a second factor, and enrollment requires a login: use `mfa enroll`',
      login:
        'the login of the application accepts 6 to 8 characters, so backup codes with a dash do not work there (`--code-form login` makes codes of 8 digits)',
    },
    guard: {
      tables: [
        {
          ...{ table: 'users', person: 'id' },
          columns: ['mfa_enabled', 'mfa_secret', 'mfa_backup_codes', 'login_attempts', 'locked_until'],
        },
        { table: 'refresh_tokens', columns: ['is_revoked', 'revoked_at'], person: 'user_id' },
      ],
      whose: () => `select ${whose(ADMIN, ['username', 'email'])} from ${at('users')} where id = $1::uuid`,
    },

    async readFactors(session, person, { secrets, lock }) {
      const rows = await session.query<{ enabled: boolean; secret: string | null }>(
        `select coalesce(mfa_enabled, false) as enabled, ${secrets ? 'mfa_secret' : 'null'} as secret
           from ${at('users')} where id = $1${lock ? ' for update' : ''}`,
        [person.id],
      );
      return rows.flatMap((row) => factorOf(row, person, secrets));
    },

    async enroll(session, person) {
      await update(session, at, person, `mfa_secret = (select value from ${PRIVATE} where n = 0), mfa_enabled = false`);
      return person.id;
    },
    enable: (session, person) => update(session, at, person, 'mfa_enabled = true'),
    async disable(session, person) {
      await update(session, at, person, `mfa_enabled = false, mfa_secret = null, mfa_backup_codes = '[]'`);
      return [{ kind: 'totp' }];
    },
    unlock: (session, person) => update(session, at, person, 'login_attempts = 0, locked_until = null'),

    codes: {
      kind: 'digits',
      loginKind: 'digits-login',
      atLogin: ['digits-login'],
      async read(session, person) {
        const [row] = await session.query<{ codes: string[] }>(
          `select array(select coalesce(code, '') from json_array_elements_text(
                    case when json_typeof(mfa_backup_codes) = 'array' then mfa_backup_codes else '[]' end) as code) as codes
             from ${at('users')} where id = $1`,
          [person.id],
        );
        return row?.codes ?? [];
      },
      replace: (session, person) =>
        update(session, at, person, `mfa_backup_codes = (select json_agg(value order by n) from ${PRIVATE})`),
      async remove(session, person, index) {
        const rows = await session.query(
          `update ${at('users')} set updated_at = ${NOW}, mfa_backup_codes = coalesce((
                    select json_agg(code order by place) from json_array_elements_text(mfa_backup_codes)
                           with ordinality as left_over (code, place) where place <> $2::int + 1), '[]')
            where id = $1 and json_array_length(mfa_backup_codes) > $2::int returning id`,
          [person.id, index],
        );
        return rows.length === 1;
      },
      clear: (session, person) => update(session, at, person, `mfa_backup_codes = '[]'`),
    },

    overview: (secrets) => ({
      keyType: 'uuid',
      sql: `select id as key, id::text as id, email::text as email, username::text as username, role::text as role, ${ADMIN} as admin,
                   coalesce(is_active, false) as active, ''::text as organizations, coalesce(mfa_enabled, false) as enabled,
                   ${secrets ? secretClass('mfa_secret', 'refuse') : `'hidden'`} as secret,
                   ${secrets ? CODES_LEFT : 'null::int'} as codes, ${secrets ? PLAIN : 'null::boolean'} as plain,
                   null::text as since, null::text as pending_since, null::text as last_used, ${LOCKED_UNTIL} as locked_until
              from ${at('users')}`,
    }),
  },

  sessions: {
    async count(session, person) {
      const [row] = await session.query<{ live: number }>(
        `select count(*)::int as live from ${at('refresh_tokens')} where user_id = $1 and ${LIVE}`,
        [person.id],
      );
      return row!.live;
    },
    async end(session, person) {
      const ended = await session.query(
        `update ${at('refresh_tokens')} set is_revoked = true, revoked_at = ${NOW} where user_id = $1 and ${LIVE} returning user_id`,
        [person.id],
      );
      return ended.length;
    },
    afterwards: 'access tokens that were already issued stay valid for up to 30 minutes',
  },

  audit: {
    async append(session, person, fact) {
      await insertOne(
        session,
        at('audit_log'),
        `insert into ${at('audit_log')} (id, user_id, acao, tabela, registro_id, dados_novos, timestamp)
         values ($1, $2, $3, 'users', $2::uuid::text, $4::json, ${NOW})`,
        [randomUUID(), person.id, ACTIONS[fact.event], JSON.stringify(detailsOf(fact))],
      );
    },
  },
}));

const NOW = `${CLOCK} at time zone 'UTC'`;
const ADMIN = `(coalesce(is_superuser, false) or coalesce(role::text = 'admin', false))`;
const LOCKED_UNTIL = lockedUntil('locked_until', NOW, utc('locked_until'));
const LIVE = `is_active and not is_revoked and expires_at > ${NOW}`;
const CODES_LEFT = `case when json_typeof(mfa_backup_codes) = 'array' then json_array_length(mfa_backup_codes) else 0 end`;
const PLAIN = `coalesce(mfa_backup_codes::text ~ '"[0-9]{4}-?[0-9]{4}"', false)`;

/** Values of the application's own AuditAction; it uses `mfa_enrolled` for both `enroll` and `confirm`. */
const ACTIONS: Readonly<Record<AuditFact['event'], string>> = {
  enroll: 'mfa_enrolled',
  confirm: 'mfa_enrolled',
  disable: 'mfa_disabled',
  codes: 'mfa_backup_codes_regenerated',
  passed: 'mfa_challenge_passed',
  failed: 'mfa_challenge_failed',
  unlock: 'account_unlocked',
};

const STEPS: Readonly<Partial<Record<AuditFact['event'], string>>> = {
  enroll: 'mfa_setup_initiated',
  confirm: 'mfa_enrollment_confirmed',
  passed: 'mfa_verification_success',
  failed: 'mfa_verification_failed',
  codes: 'backup_codes_regenerated',
};

const detailsOf = ({ event, details, runId, traceId }: AuditFact): Record<string, unknown> => ({
  action: STEPS[event] ?? ACTIONS[event],
  status: 'alert',
  ...{ request_id: runId, trace_id: traceId },
  ...details,
});

function factorOf(
  { enabled, secret }: { readonly enabled: boolean; readonly secret: string | null },
  person: Person,
  secrets: boolean,
): Factor[] {
  if (!enabled && (secret === null || secret === '')) return secrets ? [] : [{ ...bare(person), state: 'inactive' }];
  return [{ ...bare(person), state: enabled ? 'enabled' : 'pending', secret: secrets ? secret : undefined }];
}

const bare = (person: Person): Omit<Factor, 'state'> => ({
  id: person.id,
  kind: 'totp',
  label: null,
  secret: undefined,
  createdAt: null,
  verifiedAt: null,
  lastUsedAt: null,
});

async function update(session: Session, at: At, person: Person, assignments: string): Promise<void> {
  await updateOne(session, `update ${at('users')} set ${assignments}, updated_at = ${NOW} where id = $1`, [person.id]);
}
