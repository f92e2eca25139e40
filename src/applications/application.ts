import { quoteIdentifier, quoteQualified } from '../postgres/identifiers.js';
import type { Session } from '../postgres/server.js';
import type { Tables } from './tables.js';

/** A user of an application. Times are RFC 3339 UTC; null = the application does not store it. */
export interface Person {
  readonly id: string;
  readonly email: string | null;
  readonly username: string | null;
  readonly name: string | null;
  readonly role: string | null;
  readonly isAdmin: boolean;
  /** null = the application does not store it. */
  readonly active: boolean | null;
  /** Ids of the organizations, sorted; empty if the application has none. */
  readonly organizations: readonly string[];
  readonly createdAt: string | null;
  readonly lastLoginAt: string | null;
  /** Until when the application itself locks the person. */
  readonly lockedUntil: string | null;
  readonly updatedAt: string | null;
}

/** One second factor of a person, as the application stores it. */
export interface Factor {
  /** The person's id if the application stores the only factor in the user's row. */
  readonly id: string;
  /** `totp`, `webauthn`, or the application's own name. */
  readonly kind: string;
  readonly label: string | null;
  readonly state: 'enabled' | 'pending' | 'inactive';
  /** As stored; null = none; undefined = this role cannot read it. */
  readonly secret: string | null | undefined;
  readonly createdAt: string | null;
  readonly verifiedAt: string | null;
  readonly lastUsedAt: string | null;
}

/** How an application reads its stored TOTP secrets. */
export interface SecretRules {
  /** Characters that are not base32: `refuse` treats them as an error, `skip` ignores them. */
  readonly strangers: 'refuse' | 'skip';
  /** The application refuses shorter secrets. */
  readonly minBytes: number;
  /** As otplib reads: unused bits at the end must be zero, and at most 64 bytes. */
  readonly strict?: true;
}

/** Which codes an application accepts. */
export interface TotpRules extends SecretRules {
  /** Time steps of 30 s accepted before and after the current one. */
  readonly window: 0 | 1;
  /** How milliseconds are rounded to the second that gives the time step. */
  readonly second: 'floor' | 'round';
  /** `plain` base32, or encrypted in potctl's envelope. */
  readonly storedAs: 'plain' | 'envelope';
  /** Issuer in authenticator apps, if the profile sets none. */
  readonly issuer: string;
}

export type CodeKind = 'digits' | 'digits-login' | 'hex-bcrypt' | 'crockford-scrypt';

/** A change of a person's second factor, for the application's own audit table. */
export interface AuditFact {
  readonly event: 'enroll' | 'confirm' | 'disable' | 'codes' | 'passed' | 'failed' | 'unlock';
  readonly factorId: string | null;
  /** The factors that were removed, if there can be several of any kind. */
  readonly removed?: readonly Readonly<Record<string, unknown>>[];
  /** Who, why and in which run; stored in the row's details. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly runId: string;
  readonly traceId: string;
}

/** A suspicious event, for the application's own table of security events. */
export interface SecurityFact {
  readonly type: string;
  readonly severity: 'LOW' | 'MEDIUM' | 'HIGH' | 'CRITICAL';
  readonly description: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Columns with their supported types, as `format_type` names them without a length. */
export type Columns = Readonly<Record<string, readonly string[]>>;

/** A table of an application: the columns it must have, and the rights that each task needs. */
export interface Table {
  readonly name: string;
  readonly columns: Columns;
  /** Columns that support staff must never read. */
  readonly hidden?: readonly string[];
  /** Columns that a change of a second factor writes. */
  readonly updates?: readonly string[];
  readonly inserts?: true;
  readonly deletes?: true;
}

/** How to read factors. */
export interface Sight {
  /** Whether the role can read secrets and codes. */
  readonly secrets: boolean;
  /** Lock the rows until the transaction ends. */
  readonly lock: boolean;
}

/**
 * Table `pg_temp.potctl_private (n, value)` from which the adapter's SQL takes secret values, so that no statement or parameter, and
 * therefore no server log, contains them.
 */
export const PRIVATE = 'pg_temp.potctl_private';

/** Backup codes, if the application has them. */
export interface BackupCodes {
  readonly kind: CodeKind;
  /** The form for `mfa.code_form: login` or `--code-form login`. */
  readonly loginKind?: CodeKind;
  /** Forms that its login accepts; other codes can only be checked by potctl. */
  readonly atLogin: readonly CodeKind[];
  /** Returns the codes as stored, in order. */
  read(session: Session, person: Person): Promise<string[]>;
  /** Counts codes for a role that cannot read them; absent = not possible. null = this role cannot. */
  count?(session: Session, person: Person): Promise<number | null>;
  /** Replaces all codes with those in {@link PRIVATE}, in one statement. */
  replace(session: Session, person: Person): Promise<void>;
  /** Removes the code at `index` of the list from `read`, under its lock. false = it no longer exists. */
  remove(session: Session, person: Person, index: number): Promise<boolean>;
  clear(session: Session, person: Person): Promise<void>;
}

/** The people of an application. */
export interface People {
  /** Columns with names, to find similar ones. Absent = people have only an id. */
  readonly names?: {
    readonly table: string;
    readonly id: string;
    readonly email: string;
    readonly username?: string;
  };
  /** Whether people belong to organizations. */
  readonly organizations?: true;
  /** Finds people by exact id, or by email or user name in any case; sorted by id. */
  find(session: Session, wanted: string): Promise<Person[]>;
}

/** Second factors. */
export interface MfaFacet {
  /** Functions, with their types, that make changes and require a journal entry; absent = potctl writes to the tables with its own role. */
  readonly functions?: {
    readonly support: readonly string[];
    /** Functions that only a role needs that can read secrets and codes. */
    readonly readers: readonly string[];
    /** The command that installs them. */
    readonly setup: readonly string[];
  };
  /** The column with the secret: for the envelope, for rights, for messages. */
  readonly secretColumn: { readonly table: string; readonly column: string };
  readonly totp: TotpRules;
  /** Whether a person can have several factors. */
  readonly several: boolean;
  /** `own`: a factor is a row with its own id. `person`: it is in the person's row and has the person's id. */
  readonly factorId: 'own' | 'person';
  /** What an operator must know about this application, a sentence each. */
  readonly facts: {
    readonly noReplayGuard: string;
    readonly requiredForAdmin?: string;
    readonly login?: string;
  };
  readFactors(session: Session, person: Person, sight: Sight): Promise<Factor[]>;
  /** Stores the secret in {@link PRIVATE} as pending and replaces an earlier pending one. @returns the factor's id */
  enroll(
    session: Session,
    person: Person,
    request: { readonly factorId: string; readonly label: string },
  ): Promise<string>;
  enable(session: Session, person: Person, factorId: string): Promise<void>;
  /** Disables factors. @returns what was removed, with enough details to restore it, but without secrets */
  disable(session: Session, person: Person, factors: readonly Factor[]): Promise<Readonly<Record<string, unknown>>[]>;
  /** Records that the code of time step `step` was accepted; absent = the application does not store that. */
  markUsed?(session: Session, factorId: string, step: bigint): Promise<void>;
  readonly codes?: BackupCodes;
  /** Absent = the application does not lock accounts. */
  unlock?(session: Session, person: Person): Promise<void>;
  /** Requires the person to enroll at the next sign-in. Absent = not supported by the application. */
  requireEnrollment?(session: Session, person: Person): Promise<void>;
  /** Returns whether the person must enroll at the next sign-in. */
  mustEnroll?(session: Session, person: Person): Promise<boolean>;
  /** Present if the application encrypts its secrets. */
  readonly sealed?: Sealed;
  /**
   * Tables with secrets, codes, locks and sessions, for triggers; absent = only functions write them. `columns`: an update of them requires a
   * journal entry. `person`: the column with the id. `whose`: SQL that returns for the person `$1` `an administrator`, or `the account of the
   * caller` if the role name `$2` is one of the person's names, or null. It runs as the caller, with only pg_catalog in the search_path.
   */
  readonly guard?: {
    readonly tables: readonly {
      readonly table: string;
      readonly columns: readonly string[];
      readonly person: string;
    }[];
    whose(): string;
  };
  /**
   * SQL for the last changes of factors and codes whose time the application stores: `id` of the person, `at`, `recorded` (whether its own
   * audit table has it), and `actions` (the journal actions that record it). Absent = it stores no times.
   */
  readonly changes?: string;
  /** SQL for all users, one row each, as {@link OVERVIEW_COLUMNS}; ordered pages use `key`. */
  overview(secrets: boolean): { readonly sql: string; readonly keyType: 'uuid' | 'text' };
}

/** The application's own audit table. */
export interface AuditFacet {
  /** Appends a row; does nothing if the application has no action for the event. @throws E_NOT_KEPT */
  append(session: Session, person: Person, fact: AuditFact): Promise<void>;
}

/** The application's own table of security events. */
export interface SecurityFacet {
  /** @throws E_NOT_KEPT */
  append(session: Session, person: Person, fact: SecurityFact): Promise<void>;
  /** The application's own event type for one refused code. */
  readonly failedCode?: string;
}

/** The sessions that the application stores in the database. */
export interface SessionsFacet {
  count(session: Session, person: Person): Promise<number>;
  /** Ends all sessions of a person. @returns how many */
  end(session: Session, person: Person): Promise<number>;
  /** What stays valid after all sessions have ended, in a sentence. */
  readonly afterwards?: string;
}

/**
 * Describes an application: its tables, SQL and names, but no policy. A facet that the application lacks is absent, so that the compiler
 * enforces a check.
 *
 * Every application passes `test/contract/application.ts`.
 */
export interface Application {
  /** Name in the profile's `application`, and prefix of people's ids in potctl's own tables. */
  readonly name: string;
  /** Table and columns by which it is recognized; all others are checked afterwards. */
  readonly signature: { readonly table: string; readonly columns: readonly string[] };
  readonly tables: readonly Table[];
  readonly people: People;
  readonly mfa?: MfaFacet;
  readonly audit?: AuditFacet;
  readonly security?: SecurityFacet;
  readonly sessions?: SessionsFacet;
}

/** An application that has second factors. */
export type WithMfa = Application & { readonly mfa: MfaFacet };

/** An encrypted secret with the ids that bind it to its row. */
export type SealedRow = [factorId: string, userId: string, secret: string];

/** Stored secrets that are encrypted in potctl's envelope. */
export interface Sealed {
  /** SQL for all of them, as {@link SealedRow}. */
  readonly all: string;
  /** Returns and locks up to `limit` secrets that do not start with `prefix`, ordered by factor id, after `after` (null = from the first). */
  next(session: Session, from: { prefix: string; after: string | null; limit: number }): Promise<SealedRow[]>;
  /**
   * Writes the values in {@link PRIVATE}, three per secret: factor id, old text, new text. A row with a different old text is not changed.
   *
   * @returns how many rows have the new text
   */
  replace(session: Session): Promise<number>;
  /** Counts the rows that have the new text of {@link PRIVATE} after all triggers have run. */
  kept(session: Session): Promise<number>;
}

/** Returns the quoted and qualified name of an application's table, for SQL. */
export type At = (table: string) => string;

/** An application, independent of the schema of its tables. */
export type Adapter<A extends Application = Application> = A & {
  /** Returns the application with SQL for the tables in this schema. Required, since no session's search_path contains it. */
  in(schema: string): A;
  /** Returns the variant of the application that has these tables. Absent = there is only one. */
  formOf?(tables: Tables): Adapter<A>;
};

/** Creates an adapter from a function that writes the SQL for given table names. */
export const adapter = <A extends Application>(make: (at: At) => A): Adapter<A> => ({
  ...make(quoteIdentifier),
  in: (schema) => make((table) => quoteQualified(schema, table)),
});

/**
 * The columns of {@link MfaFacet.overview}. `secret`: none, empty, base32, short (< 128 bits), weak (< 80 bits), bcrypt, envelope, odd,
 * hidden. `codes`: how many are left, null = none or hidden. `plain`: whether codes are stored in plain text.
 */
export const OVERVIEW_COLUMNS =
  `key, id, email, username, role, admin, active, organizations, enabled, secret, codes, plain, since,
  pending_since, last_used, locked_until` as const;
