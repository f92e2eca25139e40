import { randomUUID } from 'node:crypto';
import type { Session } from '../postgres/server.js';
import {
  type Adapter,
  type At,
  type AuditFact,
  adapter,
  type Factor,
  type Person,
  PRIVATE,
  type WithMfa,
} from './application.js';
import { evoChanges, evoOverview, evoPeople, evoWhose, FACTOR_STATE } from './evo-people.js';
import { evoTables } from './evo-tables.js';
import { insertOne, instant, isUuid } from './sql.js';

/** @param withEmail since 2026-02 `profiles` has an email; before that people have only an id */
const form = (withEmail: boolean) =>
  adapter<WithMfa>((at) => ({
    name: 'evo',
    signature: { table: 'mfa_factors', columns: ['factor_type', 'friendly_name', 'is_active', 'deactivated_at'] },
    tables: evoTables(withEmail),

    people: {
      ...(withEmail && { names: { table: at('profiles'), id: 'user_id', email: 'email' } }),
      organizations: true,
      find: (session, wanted) => session.query<Person>(evoPeople(at, withEmail), [wanted]),
    },

    mfa: {
      secretColumn: { table: 'mfa_factors', column: 'secret' },
      totp: {
        ...{ window: 1, second: 'round', storedAs: 'plain', issuer: 'EVO' },
        ...{ strangers: 'skip', minBytes: 1 },
      },
      several: true,
      factorId: 'own',
      facts: {
        noReplayGuard:
          'the application stores when a code was used, but not which one, and accepts the same code again; a code used there may be accepted here once more',
      },
      guard: {
        tables: [
          {
            ...{ table: 'mfa_factors', person: 'user_id' },
            columns: ['secret', 'status', 'is_active', 'verified_at', 'deactivated_at', 'created_at'],
          },
          { table: 'webauthn_credentials', columns: ['credential_id', 'public_key', 'counter'], person: 'user_id' },
        ],
        whose: () => evoWhose(at, withEmail),
      },

      async readFactors(session, person, { secrets, lock }) {
        const locking = lock ? ' for update' : '';
        const totp = await session.query<Factor>(
          `select id::text, factor_type as kind, friendly_name as label, ${FACTOR_STATE} as state, ${secrets ? 'secret' : 'null'} as secret,
              ${instant('created_at')} as "createdAt", ${instant('verified_at')} as "verifiedAt", ${instant('last_used_at')} as "lastUsedAt"
         from ${at('mfa_factors')} where user_id::text = $1 order by id${locking}`,
          [person.id],
        );
        const keys = await session.query<Factor>(
          `select id::text, 'webauthn' as kind, device_name as label, 'enabled' as state, null as secret,
              ${instant('created_at')} as "createdAt", ${instant('created_at')} as "verifiedAt", ${instant('last_used_at')} as "lastUsedAt"
         from ${at('webauthn_credentials')} where user_id::text = $1 order by id${locking}`,
          [person.id],
        );
        return [...totp.map((factor) => (secrets ? factor : { ...factor, secret: undefined })), ...keys];
      },

      async enroll(session, person, { factorId, label }) {
        await session.query(
          `update ${at('mfa_factors')} set is_active = false, deactivated_at = clock_timestamp()
        where user_id::text = $1 and factor_type = 'totp' and is_active and coalesce(status, 'pending') = 'pending'`,
          [person.id],
        );
        await session.query(
          `insert into ${at('mfa_factors')} (id, user_id, factor_type, friendly_name, secret, status, is_active, created_at)
       values ($1, $2, 'totp', $3, (select value from ${PRIVATE} where n = 0), 'pending', true, clock_timestamp())`,
          [factorId, person.id, label],
        );
        return factorId;
      },

      async enable(session, _person, factorId) {
        await session.query(
          `update ${at('mfa_factors')} set status = 'verified', verified_at = clock_timestamp() where id = $1`,
          [factorId],
        );
      },

      async disable(session, _person, factors) {
        const [keys, others] = [true, false].map((isKey) =>
          factors.filter(({ kind }) => (kind === 'webauthn') === isKey),
        );
        const off = await session.query<Record<string, unknown>>(
          `update ${at('mfa_factors')} set is_active = false, deactivated_at = clock_timestamp()
        where id = any($1::uuid[]) and is_active returning id::text, factor_type as kind`,
          [others!.map(({ id }) => id)],
        );
        // The table has no flag for it: the row is deleted and recorded in the journal, so that it can be restored.
        const gone = await session.query<Record<string, unknown>>(
          `delete from ${at('webauthn_credentials')} where id = any($1::uuid[])
        returning id::text, 'webauthn' as kind, credential_id, public_key, counter, device_name, ${instant('created_at')} as created_at`,
          [keys!.map(({ id }) => id)],
        );
        return [...off, ...gone];
      },

      async markUsed(session, factorId) {
        await session.query(`update ${at('mfa_factors')} set last_used_at = clock_timestamp() where id = $1`, [
          factorId,
        ]);
      },

      changes: evoChanges(at),
      overview: (secrets) => ({ keyType: 'text', sql: evoOverview(at, withEmail, secrets) }),
    },

    audit: {
      async append(session, person, fact) {
        const organizations = person.organizations.length > 0 ? person.organizations : [NO_ORGANIZATION];
        const factors = fact.removed ?? [{ id: fact.factorId, kind: 'totp' }];
        for (const organization of organizations)
          for (const factor of factors) await appendRow(session, at, person, organization, fact, factor);
      },
    },

    security: {
      async append(session, person, { type, severity, description, details }) {
        await insertOne(
          session,
          at('security_events'),
          `insert into ${at('security_events')} (id, organization_id, event_type, severity, description, metadata, created_at)
       values ($1, $2, $3, $4, $5, $6::jsonb, clock_timestamp())`,
          [
            ...[randomUUID(), person.organizations[0] ?? NO_ORGANIZATION, type, severity, description],
            JSON.stringify({ userId: person.id, ...details }),
          ],
        );
      },
    },
  }));

/**
 * EVO UDS v3 (Lambdas, Prisma, Cognito): factors are rows, several per person; `user_id` is uuid or text; many organizations; no backup codes,
 * no sessions except for WebAuthn.
 *
 * @see rafaesapata/AWS-EVO@954d7cc and @81535d9 backend/prisma/schema.prisma, backend/src/handlers/auth/mfa-handlers.ts
 */
export const evo: Adapter<WithMfa> = {
  ...form(true),
  formOf: (tables) => form(tables.get('profiles')?.columns.has('email') === true),
};

/** What the application writes if there is no organization. */
const NO_ORGANIZATION = '00000000-0000-0000-0000-000000000000';

/** The application writes `MFA_ENABLED` when an enrollment begins, and records a refused code as a refused login. */
const ACTIONS: Readonly<Partial<Record<AuditFact['event'], readonly [action: string, event: string]>>> = {
  enroll: ['MFA_ENABLED', 'enrollment_started'],
  confirm: ['MFA_VERIFIED', 'enrollment_verified'],
  disable: ['MFA_DISABLED', 'unenrolled'],
  passed: ['MFA_VERIFIED', 'code_accepted'],
  failed: ['LOGIN_FAILED', 'mfa_code_refused'],
};

const STATUS: Readonly<Partial<Record<AuditFact['event'], string>>> = {
  enroll: 'pending_verification',
  confirm: 'verified',
};

async function appendRow(
  session: Session,
  at: At,
  person: Person,
  organization: string,
  fact: AuditFact,
  { id, kind }: Readonly<Record<string, unknown>>,
): Promise<void> {
  const word = ACTIONS[fact.event];
  if (word === undefined) return;
  const isKey = kind === 'webauthn';
  const status = STATUS[fact.event];
  const details = {
    ...{ factor_type: kind, event: word[1], request_id: fact.runId, trace_id: fact.traceId },
    ...(status !== undefined && { status }),
    ...fact.details,
  };
  await insertOne(
    session,
    at('audit_logs'),
    `insert into ${at('audit_logs')} (id, organization_id, user_id, action, resource_type, resource_id, details, created_at)
     values ($1, $2, $3, $4, $5, $6, $7::jsonb, clock_timestamp())`,
    [
      ...[randomUUID(), organization, isUuid(person.id) ? person.id : null],
      ...[isKey ? 'WEBAUTHN_CREDENTIAL_DELETED' : word[0], isKey ? 'webauthn_credential' : 'mfa', id],
      JSON.stringify(details),
    ],
  );
}
