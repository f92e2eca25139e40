import type { CodeKind } from '../../src/applications/application.js';
import type { Form } from './mfa.js';

interface Who {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly fullName: string;
  readonly admin: boolean;
}

/** How the tests write and read an application's rows: by hand, not by the adapter that they test. */
export interface FormSql {
  readonly namedBy: 'id' | 'email' | 'name';
  readonly codeKind: CodeKind | null;
  readonly person: readonly { readonly text: string; values(who: Who): unknown[] }[];
  /** $1 the person, $2 a token of 64 hex digits; null where the application keeps none. */
  readonly session: string | null;
  /** $1 the person, $2 the secret, $3 the factor's id where factors are rows. */
  readonly enable: string;
  /** $1 the person, $2 the stored codes. */
  readonly enableCodes: string | null;
  /** $1 the person: enabled, secret, codes. */
  readonly stored: string;
  /** $1 the person: when the application's row was changed for the last time, as text. */
  readonly moved: string;
  /** $1 the person: the action and whether potctl is named, oldest first. */
  readonly audit: string;
}

const ORGANIZATION = '6f1c2a90-4b1d-4a52-9a3c-1d2e3f405162';
const NAIVE = `(now() at time zone 'UTC')`;

const evo = (hasEmail: boolean): FormSql => ({
  namedBy: hasEmail ? 'email' : 'id',
  codeKind: null,
  person: [
    {
      text: `insert into organizations (id, name, slug, updated_at) values ($1, 'Org', 'org', now()) on conflict do nothing`,
      values: () => [ORGANIZATION],
    },
    hasEmail
      ? {
          text: `insert into profiles (id, user_id, organization_id, full_name, email, updated_at) values (gen_random_uuid(), $1, $2, $3, $4, now())`,
          values: ({ id, fullName, email }) => [id, ORGANIZATION, fullName, email],
        }
      : {
          text: `insert into profiles (id, user_id, organization_id, full_name) values (gen_random_uuid(), $1, $2, $3)`,
          values: ({ id, fullName }) => [id, ORGANIZATION, fullName],
        },
    {
      text: `insert into user_roles (id, user_id, organization_id, role, updated_at) values (gen_random_uuid(), $1, $2, $3, now())`,
      values: ({ id, admin }) => [id, ORGANIZATION, admin ? 'org_admin' : 'org_user'],
    },
  ],
  session: null,
  enable: `insert into mfa_factors (id, user_id, factor_type, friendly_name, secret, status, is_active, verified_at)
           values ($3, $1, 'totp', 'Authenticator App', $2, 'verified', true, now())`,
  enableCodes: null,
  stored: `select status = 'verified' and is_active and verified_at is not null as enabled, secret, array[]::text[] as codes
             from mfa_factors where user_id::text = $1 order by created_at desc limit 1`,
  moved: `select coalesce(deactivated_at, last_used_at, verified_at, created_at)::text as moved
            from mfa_factors where user_id::text = $1 order by created_at desc limit 1`,
  audit: `select action, details->>'potctl' = 'true' as ours from audit_logs where user_id::text = $1 order by created_at, id`,
});

export const FORMS: Readonly<Record<Form, FormSql>> = {
  '3dpot': {
    ...{ namedBy: 'name', codeKind: 'digits' },
    person: [
      {
        text: `insert into users (id, email, username, full_name, hashed_password, is_active, is_superuser, role, created_at, updated_at)
               values ($1, $2, $3, $4, 'x', true, $5, 'user', '2026-01-01', '2026-01-01')`,
        values: ({ id, email, name, fullName, admin }) => [id, email, name, fullName, admin],
      },
    ],
    session: `insert into refresh_tokens (id, user_id, token, hashed_token, is_active, is_revoked, expires_at)
              values (gen_random_uuid(), $1, $2, $2, true, false, ${NAIVE} + interval '1 day')`,
    enable: `update users set mfa_enabled = true, mfa_secret = $2, mfa_backup_codes = '[]' where id = $1`,
    enableCodes: 'update users set mfa_backup_codes = array_to_json($2::text[]) where id = $1',
    stored: `select coalesce(mfa_enabled, false) as enabled, mfa_secret as secret,
                    array(select json_array_elements_text(coalesce(mfa_backup_codes, '[]'))) as codes from users where id = $1`,
    moved: 'select updated_at::text as moved from users where id = $1',
    audit: `select acao as action, dados_novos->>'potctl' = 'true' as ours from audit_log where user_id = $1 order by timestamp, id`,
  },
  viu: {
    ...{ namedBy: 'email', codeKind: 'hex-bcrypt' },
    person: [
      {
        text: `insert into usuarios (id, email, nome, senha, tipo, "criadoEm", "atualizadoEm") values ($1, $2, $3, 'x', $4, '2026-01-01', '2026-01-01')`,
        values: ({ id, email, fullName, admin }) => [id, email, fullName, admin ? 'ADMIN' : 'DESIGNER'],
      },
    ],
    session: `insert into sessoes (token, "expiresAt", ativo, "usuarioId") values ($2, ${NAIVE} + interval '1 day', true, $1)`,
    enable: 'update usuarios set "twoFactorEnabled" = true, "twoFactorSecret" = $2 where id = $1',
    enableCodes: 'update usuarios set "twoFactorBackupCodes" = $2::text[] where id = $1',
    stored: `select "twoFactorEnabled" as enabled, "twoFactorSecret" as secret, "twoFactorBackupCodes" as codes from usuarios where id = $1`,
    moved: 'select "atualizadoEm"::text as moved from usuarios where id = $1',
    audit: `select action, details->>'potctl' = 'true' as ours from audit_logs where "usuarioId" = $1 order by "criadoEm", id`,
  },
  evo: evo(false),
  'evo-production': evo(true),
  native: {
    ...{ namedBy: 'name', codeKind: 'crockford-scrypt' },
    person: [
      {
        text: `insert into potctl_app.users (id, email, username, full_name, role, created_at, updated_at) values ($1, $2, $3, $4, $5, '2026-01-01', '2026-01-01')`,
        values: ({ id, email, name, fullName, admin }) => [id, email, name, fullName, admin ? 'admin' : 'user'],
      },
    ],
    session: `insert into potctl_app.sessions (user_id, token_hash, expires_at) values ($1, decode($2, 'hex'), now() + interval '1 day')`,
    enable: `insert into potctl_app.mfa_factors (id, user_id, secret, status, enabled_at) values ($3, $1, $2, 'enabled', now())`,
    enableCodes: `insert into potctl_app.backup_codes (user_id, place, hash) select $1, n, hash from unnest($2::text[]) with ordinality as x (hash, n)`,
    stored: `select status = 'enabled' as enabled, secret,
                    array(select hash from potctl_app.backup_codes where user_id = $1 and used_at is null order by place) as codes
               from potctl_app.mfa_factors where user_id = $1 order by created_at desc limit 1`,
    moved: 'select updated_at::text as moved from potctl_app.users where id = $1',
    audit: `select action, details->>'potctl' = 'true' as ours from potctl_app.audit_log where user_id = $1 order by at, id`,
  },
};
