import type { Table } from './application.js';

const TEXT = ['text', 'character varying'];
const TIME = ['timestamp with time zone'];
const EITHER = ['uuid', 'text'];

/** The columns that EVO's tables must have, in both variants of its schema. */
export const evoTables = (withEmail: boolean): readonly Table[] => [
  {
    name: 'mfa_factors',
    columns: {
      ...{ id: ['uuid'], user_id: EITHER, factor_type: TEXT, friendly_name: TEXT, secret: ['text'], status: TEXT },
      ...{ is_active: ['boolean'], verified_at: TIME, deactivated_at: TIME, last_used_at: TIME, created_at: TIME },
    },
    hidden: ['secret'],
    updates: ['status', 'is_active', 'verified_at', 'deactivated_at', 'last_used_at'],
    inserts: true,
  },
  {
    name: 'profiles',
    columns: {
      ...{ user_id: EITHER, organization_id: ['uuid'], full_name: TEXT, role: TEXT, created_at: TIME },
      ...(withEmail && { email: TEXT }),
    },
  },
  { name: 'user_roles', columns: { user_id: EITHER, role: TEXT } },
  {
    name: 'webauthn_credentials',
    columns: {
      ...{ id: ['uuid'], user_id: EITHER, credential_id: TEXT, public_key: TEXT, counter: ['integer', 'bigint'] },
      ...{ device_name: TEXT, created_at: TIME, last_used_at: TIME },
    },
    updates: ['last_used_at'],
    deletes: true,
  },
  {
    name: 'audit_logs',
    columns: {
      ...{ id: ['uuid'], organization_id: ['uuid'], user_id: ['uuid'], action: TEXT, resource_type: TEXT },
      ...{ resource_id: TEXT, details: ['jsonb'], created_at: TIME },
    },
    inserts: true,
  },
  {
    name: 'security_events',
    columns: {
      ...{ id: ['uuid'], organization_id: ['uuid'], event_type: TEXT, severity: TEXT, description: TEXT },
      ...{ metadata: ['jsonb'], created_at: TIME },
    },
    inserts: true,
  },
];
