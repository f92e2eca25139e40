import type { Application, Table } from '../applications/application.js';
import { quoteIdentifier, quoteQualified } from '../postgres/identifiers.js';

/** What a role is for. */
export const GRANT_ROLES = ['support', 'auditor', 'backup', 'triage'] as const;
export type GrantRole = (typeof GRANT_ROLES)[number];

/** The database that the rights are for. */
export interface GrantPlace {
  readonly database: string;
  /** null = no application was detected; rights on its tables are left out. */
  readonly application: Application | null;
  /** Schema of the application's tables. */
  readonly schema: string;
  /** Whether potctl's own schema is installed in the current version; rights on an older one would let others act as its owner. */
  readonly installed: boolean;
  /** What keeps a support login from changing second factors without a journal entry; null = nothing. */
  readonly guardedBy: 'functions' | 'triggers' | null;
}

const FUNCTIONS = [
  'audit_append(text, text, text, text, text, text, text, text, jsonb)',
  'mfa_gate(text)',
  'mfa_note(text, text)',
  'mfa_take_step(text, bigint, bigint)',
  'mfa_enrollment_began(text, text)',
  'mfa_enrollment_ended(text)',
  'run_note(text, text, text, text, text)',
  // Called by the triggers of `setup --guard-writes` as the login; it only obliges its own transaction to add an entry.
  'journal_owe(text, text[], text, text)',
];
const OWN_TABLES = ['schema_version', 'journal', 'journal_head', 'mfa_attempt', 'mfa_enrollment'];

/**
 * Returns the SQL that grants a role the least privileges for its work, to be reviewed and run by the owner; it can be run again. Runs nothing.
 *
 * Support cannot read secrets, codes or hashes. The first lines say what a stolen support login can do. The last lines show how to create one
 * login per person, because the journal records the login.
 */
export function grantsSql(role: GrantRole, place: GrantPlace): string[] {
  const name = `potctl_${role}`;
  return [
    `-- Privileges for ${role} in the database ${quoteIdentifier(place.database)}. Review, then run as the owner of the tables; CREATE ROLE also requires CREATEROLE.`,
    ...(role === 'support' ? whatSupportCanDo(place) : []),
    `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${name}') THEN CREATE ROLE ${name} NOLOGIN; END IF; END $$;`,
    `GRANT CONNECT ON DATABASE ${quoteIdentifier(place.database)} TO ${name};`,
    ...STATEMENTS[role](name, place),
    '',
    '-- Create one login per person: the journal records the login, which the server authenticates.',
    `-- CREATE ROLE maria LOGIN PASSWORD NULL IN ROLE ${name};  \\password maria`,
    ...LOGIN_SETTINGS[role].map((setting) => `-- ALTER ROLE maria SET ${setting};`),
  ];
}

const LOGIN_SETTINGS: Readonly<Record<GrantRole, readonly string[]>> = {
  support: [`statement_timeout = '10s'`, `lock_timeout = '3s'`, `idle_in_transaction_session_timeout = '15s'`],
  auditor: ['default_transaction_read_only = on'],
  backup: ['default_transaction_read_only = on'],
  triage: ['default_transaction_read_only = on', `statement_timeout = '30s'`],
};

const STATEMENTS: Readonly<Record<GrantRole, (name: string, place: GrantPlace) => string[]>> = {
  support: (name, place) => [...support(name, place), ...own(name, place, true)],
  auditor: (name, place) => [...reading(name, place), ...own(name, place, false)],
  backup: (name) => [
    '-- Read access to all tables, sequences and large objects (PostgreSQL 14 and later).',
    `GRANT pg_read_all_data TO ${name};`,
    '-- If tables have row security policies, the login needs BYPASSRLS, or pg_dump fails.',
    '-- A restore needs more: run it as the owner of the database, with CREATEDB.',
  ],
  triage: (name) => [`GRANT pg_monitor TO ${name};`],
};

/** Comment lines that say what a stolen support login can do. */
function whatSupportCanDo({ application, guardedBy }: GrantPlace): string[] {
  const change = application === null ? '' : changesOf(application);
  if (application === null || change === '') return [];
  if (guardedBy !== null) {
    const how = { functions: "Only through the owner's functions", triggers: 'Enforced by triggers' }[guardedBy];
    return [
      `-- This login, also if stolen, can ${change}.`,
      `-- ${how}: every change adds a journal entry with the login, and changes of an administrator or of the`,
      "-- login's own account are refused unless the entry records `--break-glass`.",
      "-- It can also add rows to the application's audit tables directly: rely on the journal as proof.",
    ];
  }
  const { functions, guard } = application.mfa ?? {};
  return [
    `-- CAUTION: this login can ${change},`,
    '-- administrators included, with one statement and without a journal entry: a stolen login can bypass the second factor of any user.',
    ...(functions === undefined
      ? guard
        ? [GUARDS]
        : []
      : [
          `-- \`potctl ${functions.setup.join(' ')}\` replaces these rights with functions that record every change; then run this again.`,
        ]),
  ];
}

const GUARDS =
  '-- `potctl setup --guard-writes` makes the tables refuse changes without a journal entry; `potctl mfa check` reports unrecorded changes.';

/** Says in words what the rights below allow; empty = no changes. */
function changesOf({ tables, mfa, sessions }: Application): string {
  const { secretColumn, codes, functions, unlock } = mfa ?? {};
  const writes = (table: Table): boolean => table.hidden !== undefined && table.updates !== undefined;
  const calls = (name: string): boolean => functions?.support.some((one) => one.includes(`.${name}(`)) ?? false;
  const secret = secretColumn && tables.some((table) => table.updates?.includes(secretColumn.column));
  const hidden = tables.flatMap((table) =>
    writes(table) ? table.hidden!.filter((one) => table.updates!.includes(one)) : [],
  );
  const can = [
    ...(mfa ? ['enable and disable second factors'] : []),
    ...(tables.some(({ deletes }) => deletes) ? ['remove security keys'] : []),
    ...(secret || calls('mfa_enroll') ? ['write a new secret'] : []),
    ...(codes && (hidden.some((one) => one !== secretColumn?.column) || calls('codes_replace'))
      ? ['write new backup codes']
      : []),
    ...(unlock ? [functions ? 'unlock accounts' : 'lock and unlock accounts'] : []),
    ...(sessions ? [functions ? 'end sessions' : 'end or restore sessions'] : []),
  ];
  return can.length < 2 ? can.join('') : `${can.slice(0, -1).join(', ')}, and ${can.at(-1)}`;
}

function support(name: string, place: GrantPlace): string[] {
  const { application, schema, database } = place;
  if (application === null) return unknownApplication();
  return [
    ...reading(name, place),
    `GRANT TEMPORARY ON DATABASE ${quoteIdentifier(database)} TO ${name};`,
    ...application.tables.flatMap((table) => changing(name, schema, table)),
    ...functions(name, place),
  ];
}

/** Grants the functions, and revokes the rights on tables that an older `grants sql` printed. */
function functions(name: string, { application, schema, guardedBy }: GrantPlace): string[] {
  const calls = application?.mfa?.functions;
  if (application == null || calls === undefined) return [];
  if (guardedBy !== 'functions') {
    return [
      `-- The functions that change second factors are not installed: run \`potctl ${calls.setup.join(' ')}\`, then this again.`,
    ];
  }
  const closed = application.tables.filter(({ inserts }) => inserts !== true);
  return [
    ...closed.map((table) => `REVOKE INSERT, UPDATE, DELETE ON ${quoteQualified(schema, table.name)} FROM ${name};`),
    ...calls.support.map((one) => `GRANT EXECUTE ON FUNCTION ${one} TO ${name};`),
  ];
}

function reading(name: string, { application, schema }: GrantPlace): string[] {
  if (application === null) return unknownApplication();
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${name};`,
    ...application.tables.map((table) => {
      const columns = Object.keys(table.columns).filter((column) => !table.hidden?.includes(column));
      return `GRANT SELECT (${listed(columns)}) ON ${quoteQualified(schema, table.name)} TO ${name};`;
    }),
  ];
}

/** Grants changes of a table; support can clear and delete rows with secrets, but never insert them. */
function changing(name: string, schema: string, table: Table): string[] {
  const where = `ON ${quoteQualified(schema, table.name)} TO ${name};`;
  const makesRows = table.inserts === true && table.hidden === undefined;
  return [
    ...(table.updates ? [`GRANT UPDATE (${listed(table.updates)}) ${where}`] : []),
    ...(makesRows ? [`GRANT INSERT (${listed(Object.keys(table.columns))}) ${where}`] : []),
    ...(table.deletes ? [`GRANT DELETE ${where}`] : []),
  ];
}

function own(name: string, { installed }: GrantPlace, changes: boolean): string[] {
  if (!installed)
    return ['-- potctl is not set up in this database, or has an older version: run `potctl setup`, then this again.'];
  return [
    `GRANT USAGE ON SCHEMA potctl TO ${name};`,
    `GRANT SELECT ON ${OWN_TABLES.map((table) => `potctl.${table}`).join(', ')} TO ${name};`,
    ...(changes ? FUNCTIONS.map((one) => `GRANT EXECUTE ON FUNCTION potctl.${one} TO ${name};`) : []),
  ];
}

const listed = (columns: readonly string[]): string => columns.map(quoteIdentifier).join(', ');
const unknownApplication = (): string[] => [
  '-- No known application was detected in this database: grant rights on its tables yourself.',
];
