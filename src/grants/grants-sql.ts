import type { Application, Table } from '../applications/application.js';
import { quoteIdentifier, quoteQualified } from '../postgres/identifiers.js';

/** Whose work a role is for. */
export const GRANT_ROLES = ['support', 'auditor', 'backup', 'triage'] as const;
export type GrantRole = (typeof GRANT_ROLES)[number];

/** Where the rights are needed. */
export interface GrantPlace {
  readonly database: string;
  /** null: the database is of no application that potctl knows; rights on its tables are left out. */
  readonly application: Application | null;
  /** Of the application's tables. */
  readonly schema: string;
  /** Is potctl's own schema there, in the version of this potctl? Rights on an older one would let others become its owner. */
  readonly installed: boolean;
  /** What keeps a support login from changing a second factor behind the journal's back; null = nothing does. */
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
  // What triggers of `setup --guard-writes` call as the login; it only makes its own transaction owe an entry.
  'journal_owe(text, text[], text, text)',
];
const OWN_TABLES = ['schema_version', 'journal', 'journal_head', 'mfa_attempt', 'mfa_enrollment'];

/**
 * The least that a role needs for its work, as SQL to be read and run by the owner; it can be run again. Nothing is run here.
 *
 * Support reads no secret, no code and no hash. What a stolen support login can do all the same stands in the first lines. One login for each
 * person stands at the end, because the journal names the login.
 */
export function grantsSql(role: GrantRole, place: GrantPlace): string[] {
  const name = `potctl_${role}`;
  return [
    `-- What ${role} needs in the database ${quoteIdentifier(place.database)}. Read it, then run it as the owner of the tables.`,
    ...(role === 'support' ? whatSupportCanDo(place) : []),
    `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${name}') THEN CREATE ROLE ${name} NOLOGIN; END IF; END $$;`,
    `GRANT CONNECT ON DATABASE ${quoteIdentifier(place.database)} TO ${name};`,
    ...STATEMENTS[role](name, place),
    '',
    '-- One login for each person: the journal notes the login, and the server vouches for it.',
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
    '-- All tables, sequences and large objects, to read; PostgreSQL 14 and later.',
    `GRANT pg_read_all_data TO ${name};`,
    '-- Row security hides rows from it: where tables have policies, the login needs BYPASSRLS, or the dump refuses.',
    '-- A restore wants more: the owner of the database, with CREATEDB.',
  ],
  triage: (name) => [`GRANT pg_monitor TO ${name};`],
};

/** Read before anybody gets the login: what whoever steals it can do. */
function whatSupportCanDo({ application, guardedBy }: GrantPlace): string[] {
  const change = application === null ? '' : changesOf(application);
  if (application === null || change === '') return [];
  if (guardedBy !== null) {
    const how = { functions: 'Only functions of the owner do it', triggers: 'Triggers see to it' }[guardedBy];
    return [
      `-- CAN DO: ${change}, so whoever steals the login can, too.`,
      `-- ${how}: no change without an entry in the journal that names the login, and none of an administrator or of the`,
      '-- account of the login unless the entry says that the guard was broken (`--break-glass`).',
      '-- It can also add rows to the tables of records of the application by itself: what counts as proof is the journal.',
    ];
  }
  const { functions, guard } = application.mfa ?? {};
  return [
    `-- CAUTION: this login can ${change},`,
    '-- administrators included, with one statement and without an entry in the journal: whoever steals it gets past the second factor of anybody.',
    ...(functions === undefined
      ? guard
        ? [GUARDS]
        : []
      : [
          `-- \`potctl ${functions.setup.join(' ')}\` replaces these rights by functions that journal every change; then run this again.`,
        ]),
  ];
}

const GUARDS =
  '-- `potctl setup --guard-writes` lets the tables refuse such a change without the journal. `potctl mfa check` says what it can tell.';

/** In words, what the rights below come to; empty = nothing. */
function changesOf({ tables, mfa, sessions }: Application): string {
  const { secretColumn, codes, functions, unlock } = mfa ?? {};
  const writes = (table: Table): boolean => table.hidden !== undefined && table.updates !== undefined;
  const calls = (name: string): boolean => functions?.support.some((one) => one.includes(`.${name}(`)) ?? false;
  const secret = secretColumn && tables.some((table) => table.updates?.includes(secretColumn.column));
  const hidden = tables.flatMap((table) =>
    writes(table) ? table.hidden!.filter((one) => table.updates!.includes(one)) : [],
  );
  const can = [
    ...(mfa ? ['switch second factors off and on'] : []),
    ...(tables.some(({ deletes }) => deletes) ? ['remove security keys'] : []),
    ...(secret || calls('mfa_enroll') ? ['write a new secret'] : []),
    ...(codes && (hidden.some((one) => one !== secretColumn?.column) || calls('codes_replace'))
      ? ['write new backup codes']
      : []),
    ...(unlock ? [functions ? 'unlock accounts' : 'lock and unlock accounts'] : []),
    ...(sessions ? [functions ? 'end sessions' : 'end sessions and bring them back'] : []),
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

/** An earlier version of this printed rights on the tables: with the functions they go. */
function functions(name: string, { application, schema, guardedBy }: GrantPlace): string[] {
  const calls = application?.mfa?.functions;
  if (application == null || calls === undefined) return [];
  if (guardedBy !== 'functions') {
    return [
      `-- The functions that change second factors are missing: run \`potctl ${calls.setup.join(' ')}\`, then this again.`,
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

/** Rows of secrets are emptied and removed, never made, by support. */
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
    return ['-- potctl is not set up in this database, or in an older version: run `potctl setup`, then this again.'];
  return [
    `GRANT USAGE ON SCHEMA potctl TO ${name};`,
    `GRANT SELECT ON ${OWN_TABLES.map((table) => `potctl.${table}`).join(', ')} TO ${name};`,
    ...(changes ? FUNCTIONS.map((one) => `GRANT EXECUTE ON FUNCTION potctl.${one} TO ${name};`) : []),
  ];
}

const listed = (columns: readonly string[]): string => columns.map(quoteIdentifier).join(', ');
const unknownApplication = (): string[] => [
  '-- The database is of no application that potctl knows: rights on its tables are yours to choose.',
];
