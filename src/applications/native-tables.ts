import type { Table } from './application.js';

const TIME = ['timestamp with time zone'];

/**
 * The functions that change second factors. Those that must read a secret or a code are not for support.
 *
 * @see templates/sql/native-2.sql
 */
export const NATIVE_FUNCTIONS = {
  support: [
    'potctl_app.lock_person(uuid)',
    'potctl_app.mfa_enroll(uuid, uuid, text, text)',
    'potctl_app.mfa_disable(uuid, uuid[])',
    'potctl_app.codes_replace(uuid, text[])',
    'potctl_app.codes_clear(uuid)',
    'potctl_app.unlock(uuid)',
    'potctl_app.require_enrollment(uuid)',
    'potctl_app.sessions_end(uuid)',
  ],
  setup: ['setup', '--application', 'native'],
  readers: [
    'potctl_app.mfa_enable(uuid, uuid)',
    'potctl_app.mfa_mark_used(uuid, bigint)',
    'potctl_app.code_use(uuid, integer)',
  ],
} as const;

/** The columns that the tables of the reference application must have. @see templates/sql/native-1.sql */
export const NATIVE_TABLES: readonly Table[] = [
  {
    name: 'users',
    columns: {
      ...{
        id: ['uuid'],
        email: ['text'],
        username: ['text'],
        full_name: ['text'],
        role: ['text'],
        active: ['boolean'],
      },
      ...{ must_enroll: ['boolean'], failed_logins: ['integer'], locked_until: TIME, last_login_at: TIME },
      ...{ created_at: TIME, updated_at: TIME },
    },
  },
  {
    name: 'mfa_factors',
    columns: {
      ...{ id: ['uuid'], user_id: ['uuid'], kind: ['text'], label: ['text'], secret: ['text'], status: ['text'] },
      ...{ last_step: ['bigint'], created_at: TIME, enabled_at: TIME, disabled_at: TIME, last_used_at: TIME },
    },
    hidden: ['secret'],
  },
  {
    name: 'backup_codes',
    columns: { id: ['uuid'], user_id: ['uuid'], place: ['integer'], hash: ['text'], used_at: TIME },
    hidden: ['hash'],
  },
  {
    name: 'sessions',
    columns: { id: ['uuid'], user_id: ['uuid'], revoked_at: TIME, expires_at: TIME },
  },
  {
    name: 'audit_log',
    columns: {
      ...{ id: ['uuid'], at: TIME, user_id: ['uuid'], actor: ['text'], action: ['text'], resource_type: ['text'] },
      ...{ resource_id: ['text'], status: ['text'], request_id: ['text'], trace_id: ['text'], details: ['jsonb'] },
    },
    inserts: true,
  },
  {
    name: 'security_events',
    columns: {
      ...{
        id: ['uuid'],
        type: ['text'],
        severity: ['text'],
        description: ['text'],
        user_id: ['uuid'],
        details: ['jsonb'],
      },
    },
    inserts: true,
  },
];
