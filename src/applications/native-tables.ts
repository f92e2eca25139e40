import type { Table } from './application.js';

const TIME = ['timestamp with time zone'];

/** What the tables of the reference application must have. @see templates/sql/native-1.sql */
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
    updates: ['must_enroll', 'failed_logins', 'locked_until', 'updated_at'],
  },
  {
    name: 'mfa_factors',
    columns: {
      ...{ id: ['uuid'], user_id: ['uuid'], kind: ['text'], label: ['text'], secret: ['text'], status: ['text'] },
      ...{ last_step: ['bigint'], created_at: TIME, enabled_at: TIME, disabled_at: TIME, last_used_at: TIME },
    },
    hidden: ['secret'],
    updates: ['secret', 'status', 'last_step', 'enabled_at', 'disabled_at', 'last_used_at'],
    inserts: true,
    deletes: true,
  },
  {
    name: 'backup_codes',
    columns: { id: ['uuid'], user_id: ['uuid'], place: ['integer'], hash: ['text'], used_at: TIME },
    hidden: ['hash'],
    updates: ['used_at'],
    inserts: true,
    deletes: true,
  },
  {
    name: 'sessions',
    columns: { id: ['uuid'], user_id: ['uuid'], revoked_at: TIME, expires_at: TIME },
    updates: ['revoked_at'],
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
