import { randomBytes } from 'node:crypto';
import type { Session } from '../postgres/server.js';
import {
  type At,
  type AuditFact,
  adapter,
  type Person,
  PRIVATE,
  type SecurityFact,
  type WithMfa,
} from './application.js';
import { CLOCK, insertOne, isTyped, secretClass, updateOne, utc, whose } from './sql.js';
import { VIU_TABLES } from './viu-tables.js';

const FAILED_CODE = 'MULTIPLE_FAILED_2FA';

/**
 * VIU (Fastify, Prisma): camelCase columns in snake_case tables, `timestamp(3)` in UTC, one bcrypt hash per backup code.
 *
 * @see FATEC-BOYS/viu-backend@bfc47ca prisma/schema.prisma, src/services/twoFactorService.ts, src/controllers/twoFactorController.ts
 */
export const viu = adapter<WithMfa>((at) => ({
  name: 'viu',
  signature: { table: 'usuarios', columns: ['twoFactorEnabled', 'twoFactorSecret', 'twoFactorBackupCodes'] },
  tables: VIU_TABLES,

  people: {
    names: { table: at('usuarios'), id: 'id', email: 'email' },
    async find(session, wanted) {
      return session.query<Person>(
        `select id, email, null::text as username, nome as name, tipo as role, tipo = 'ADMIN' as "isAdmin", ativo as active,
                array[]::text[] as organizations, ${utc('"criadoEm"')} as "createdAt", null::text as "lastLoginAt",
                null::text as "lockedUntil", ${utc('"atualizadoEm"')} as "updatedAt"
           from ${at('usuarios')} where id = $1 or ${isTyped('email')}
          order by id`,
        [wanted],
      );
    },
  },

  mfa: {
    secretColumn: { table: 'usuarios', column: 'twoFactorSecret' },
    totp: {
      ...{ window: 0, second: 'floor', storedAs: 'plain', issuer: 'VIU Platform' },
      ...{ strangers: 'refuse', minBytes: 16, strict: true },
    },
    several: false,
    factorId: 'person',
    facts: {
      noReplayGuard: 'the application does not remember used codes, and some of its versions accept any six digits',
      login:
        'the login of the application accepts only codes of six characters, so backup codes can only be checked by potctl',
    },
    guard: {
      tables: [
        { table: 'usuarios', columns: ['twoFactorEnabled', 'twoFactorSecret', 'twoFactorBackupCodes'], person: 'id' },
        { table: 'sessoes', columns: ['ativo'], person: 'usuarioId' },
      ],
      whose: () => `select ${whose(`tipo::text = 'ADMIN'`, ['email'])} from ${at('usuarios')} where id = $1`,
    },

    async readFactors(session, person, { secrets, lock }) {
      const rows = await session.query<{ enabled: boolean; secret: string | null }>(
        `select "twoFactorEnabled" as enabled, ${secrets ? '"twoFactorSecret"' : 'null'} as secret
           from ${at('usuarios')} where id = $1${lock ? ' for update' : ''}`,
        [person.id],
      );
      const none = { kind: 'totp', label: null, createdAt: null, verifiedAt: null, lastUsedAt: null };
      return rows.flatMap(({ enabled, secret }) => {
        const isEmpty = secret === null || secret === '';
        if (!enabled && isEmpty && secrets) return [];
        const state = enabled ? ('enabled' as const) : isEmpty ? ('inactive' as const) : ('pending' as const);
        return [{ ...none, id: person.id, state, secret: secrets ? secret : undefined }];
      });
    },

    async enroll(session, person) {
      await update(
        session,
        at,
        person,
        `"twoFactorSecret" = (select value from ${PRIVATE} where n = 0), "twoFactorEnabled" = false`,
      );
      return person.id;
    },
    enable: (session, person) => update(session, at, person, '"twoFactorEnabled" = true'),
    async disable(session, person) {
      const off = `"twoFactorEnabled" = false, "twoFactorSecret" = null, "twoFactorBackupCodes" = '{}'`;
      await update(session, at, person, off);
      return [{ kind: 'totp' }];
    },

    codes: {
      kind: 'hex-bcrypt',
      atLogin: [],
      async read(session, person) {
        const [row] = await session.query<{ codes: string[] }>(
          `select array(select coalesce(code, '') from unnest("twoFactorBackupCodes") as code) as codes from ${at('usuarios')} where id = $1`,
          [person.id],
        );
        return row?.codes ?? [];
      },
      replace: (session, person) =>
        update(session, at, person, `"twoFactorBackupCodes" = array(select value from ${PRIVATE} order by n)`),
      async remove(session, person, index) {
        const rows = await session.query(
          `update ${at('usuarios')} set "atualizadoEm" = ${NOW},
                  "twoFactorBackupCodes" = "twoFactorBackupCodes"[:$2::int] || "twoFactorBackupCodes"[$2::int + 2:]
            where id = $1 and cardinality("twoFactorBackupCodes") > $2::int returning id`,
          [person.id, index],
        );
        return rows.length === 1;
      },
      clear: (session, person) => update(session, at, person, `"twoFactorBackupCodes" = '{}'`),
    },

    overview: (secrets) => ({
      keyType: 'text',
      sql: `select id as key, id, email, null::text as username, tipo as role, tipo = 'ADMIN' as admin, ativo as active,
                   ''::text as organizations, "twoFactorEnabled" as enabled,
                   ${secrets ? secretClass('"twoFactorSecret"', 'refuse') : `'hidden'`} as secret,
                   ${secrets ? 'coalesce(cardinality("twoFactorBackupCodes"), 0)' : 'null::int'} as codes,
                   ${secrets ? `coalesce(array_to_string("twoFactorBackupCodes", ' ') !~ '^(\\$2[aby]\\$\\S+ ?)*$', false)` : 'null::boolean'} as plain,
                   null::text as since, null::text as pending_since, null::text as last_used, null::text as locked_until
              from ${at('usuarios')}`,
    }),
  },

  sessions: {
    async count(session, person) {
      const [row] = await session.query<{ live: number }>(
        `select count(*)::int as live from ${at('sessoes')} where "usuarioId" = $1 and ${LIVE}`,
        [person.id],
      );
      return row!.live;
    },
    async end(session, person) {
      const ended = await session.query(
        `update ${at('sessoes')} set ativo = false where "usuarioId" = $1 and ativo returning "usuarioId"`,
        [person.id],
      );
      return ended.length;
    },
  },

  audit: {
    async append(session, person, fact) {
      const action = ACTIONS[fact.event];
      if (action === undefined) return;
      await insertOne(
        session,
        at('audit_logs'),
        `insert into ${at('audit_logs')} (id, action, resource, "resourceId", "usuarioId", details, status, "criadoEm")
         values ($1, $2, 'Usuario', $3, $3, $4::jsonb, 'SUCCESS', ${NOW})`,
        [newId(), action, person.id, JSON.stringify(detailsOf(fact))],
      );
    },
  },

  security: {
    failedCode: FAILED_CODE,
    async append(session, person, fact) {
      await insertEvent(session, at, person, fact);
      if (fact.type !== FAILED_CODE) return;
      const refused = await refusedLately(session, at, person);
      if (refused < SUSPICIOUS) return;
      await insertEvent(session, at, person, {
        ...{ type: 'SUSPICIOUS_ACTIVITY', severity: 'HIGH', description: `Several codes were refused (${refused})` },
        details: { ...fact.details, failedAttempts: refused },
      });
    },
  },
}));

const NOW = `${CLOCK} at time zone 'UTC'`;
/** As in the application's `trackFailed2FA`: three refused codes within five minutes, and each one after that. */
const SUSPICIOUS = 3;

async function refusedLately(session: Session, at: At, person: Person): Promise<number> {
  const [row] = await session.query<{ refused: number }>(
    `select count(*)::int as refused from ${at('security_events')}
      where "usuarioId" = $1 and "eventType" = '${FAILED_CODE}' and "criadoEm" >= ${NOW} - interval '5 minutes'`,
    [person.id],
  );
  return row!.refused;
}

async function insertEvent(
  session: Session,
  at: At,
  person: Person,
  { type, severity, description, details }: SecurityFact,
): Promise<void> {
  await insertOne(
    session,
    at('security_events'),
    `insert into ${at('security_events')} (id, "eventType", severity, description, details, "usuarioId", "criadoEm")
     values ($1, $2, $3, $4, $5::jsonb, $6, ${NOW})`,
    [newId(), type, severity, description, JSON.stringify(details), person.id],
  );
}

/** A refresh token is valid for 30 days; the first version had no column for that, so older sessions are considered expired. */
const LIVE = `ativo and "expiresAt" > ${NOW} - interval '30 days'`;

/** Makes an id as the application's SQL does: c and 24 hex digits. The first version had no default. */
const newId = (): string => `c${randomBytes(12).toString('hex')}`;

/** The application uses two actions, with the specifics in the details. A refused code is a security event there. */
const ACTIONS: Readonly<Partial<Record<AuditFact['event'], string>>> = {
  enroll: 'ENABLE_2FA',
  confirm: 'ENABLE_2FA',
  disable: 'DISABLE_2FA',
  codes: 'ENABLE_2FA',
};

const DETAILS: Readonly<Partial<Record<AuditFact['event'], Readonly<Record<string, string>>>>> = {
  enroll: { step: 'setup_initiated' },
  codes: { action: 'regenerate_backup_codes' },
};

const detailsOf = ({ event, details, runId, traceId }: AuditFact): Record<string, unknown> => ({
  ...DETAILS[event],
  ...{ requestId: runId, traceId },
  ...details,
});

async function update(session: Session, at: At, person: Person, assignments: string): Promise<void> {
  await updateOne(session, `update ${at('usuarios')} set ${assignments}, "atualizadoEm" = ${NOW} where id = $1`, [
    person.id,
  ]);
}
