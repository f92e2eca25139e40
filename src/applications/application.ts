import { quoteIdentifier, quoteQualified } from '../postgres/identifiers.js';
import type { Session } from '../postgres/server.js';
import type { Tables } from './tables.js';

/** A user of an application. Times are RFC 3339 UTC; null = the application does not keep it. */
export interface Person {
  readonly id: string;
  readonly email: string | null;
  readonly username: string | null;
  readonly name: string | null;
  readonly role: string | null;
  readonly isAdmin: boolean;
  /** null = the application does not say. */
  readonly active: boolean | null;
  /** Ids of the organisations, sorted; empty where the application has none. */
  readonly organizations: readonly string[];
  readonly createdAt: string | null;
  readonly lastLoginAt: string | null;
  /** Until when the application itself refuses to let the person in. */
  readonly lockedUntil: string | null;
  readonly updatedAt: string | null;
}

/** One second factor of a person, as the application sees it. */
export interface Factor {
  /** The person's id where the application keeps one factor in the user's own row. */
  readonly id: string;
  /** `totp`, `webauthn`, or what the application calls it. */
  readonly kind: string;
  readonly label: string | null;
  readonly state: 'enabled' | 'pending' | 'inactive';
  /** As stored; null = none; undefined = this role may not read it. */
  readonly secret: string | null | undefined;
  readonly createdAt: string | null;
  readonly verifiedAt: string | null;
  readonly lastUsedAt: string | null;
}

/** How an application reads what it stores as a TOTP secret. */
export interface SecretRules {
  /** `refuse`: a character that is not base32 is an error. `skip`: it is passed over. */
  readonly strangers: 'refuse' | 'skip';
  /** Fewer bytes than this the application refuses. */
  readonly minBytes: number;
  /** As otplib reads: bits left over at the end must be zero, and 64 bytes are the most. */
  readonly strict?: true;
}

/** Which codes an application accepts. */
export interface TotpRules extends SecretRules {
  /** Steps of 30 s before and after the present one. */
  readonly window: 0 | 1;
  /** How milliseconds become the second from which the step is counted. */
  readonly second: 'floor' | 'round';
  /** `plain` base32, or potctl's envelope. */
  readonly storedAs: 'plain' | 'envelope';
  /** For authenticator apps, where the profile names none. */
  readonly issuer: string;
}

export type CodeKind = 'digits' | 'digits-login' | 'hex-bcrypt' | 'crockford-scrypt';

/** A change of a person's second factor, for the application's own audit table. */
export interface AuditFact {
  readonly event: 'enroll' | 'confirm' | 'disable' | 'codes' | 'passed' | 'failed' | 'unlock';
  readonly factorId: string | null;
  /** What was taken away, where that may be several, of any kind. */
  readonly removed?: readonly Readonly<Record<string, unknown>>[];
  /** Who, why and under which run: goes into the row's details. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly runId: string;
  readonly traceId: string;
}

/** Something that a person should look at, for the application's own table of security events. */
export interface SecurityFact {
  readonly type: string;
  readonly severity: 'LOW' | 'MEDIUM' | 'HIGH' | 'CRITICAL';
  readonly description: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A column with the types that are understood, as `format_type` names them without a length. */
export type Columns = Readonly<Record<string, readonly string[]>>;

/** A table of an application: what must be there, and what each kind of work needs of it. */
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

/** What reading may see. */
export interface Sight {
  /** May the role read secrets and codes? */
  readonly secrets: boolean;
  /** Lock the rows until the transaction ends. */
  readonly lock: boolean;
}

/**
 * Values that stand in `pg_temp.potctl_private (n, value)`: the adapter's SQL takes them from there, so that neither a statement nor a
 * parameter, and so no log of the server, ever carries them.
 */
export const PRIVATE = 'pg_temp.potctl_private';

/** Backup codes, where the application has them. */
export interface BackupCodes {
  readonly kind: CodeKind;
  /** Another form that `mfa.code_form: login` or `--code-form login` asks for. */
  readonly loginKind?: CodeKind;
  /** Those that its login takes; others only potctl can check. */
  readonly atLogin: readonly CodeKind[];
  /** As stored, in their order. Locks what `sight` says. */
  read(session: Session, person: Person): Promise<string[]>;
  /** How many there are, for a role that may not read them; absent: nobody else can count them. Null = this role may not. */
  count?(session: Session, person: Person): Promise<number | null>;
  /** All old ones go, those in {@link PRIVATE} come, in one statement. */
  replace(session: Session, person: Person): Promise<void>;
  /** Takes away the one at `index` of what `read` gave, under its lock. False = it is not there any more. */
  remove(session: Session, person: Person, index: number): Promise<boolean>;
  clear(session: Session, person: Person): Promise<void>;
}

/** The people of an application. */
export interface People {
  /** Where names stand, for those that are only near to what was typed. Absent: people are known by their id alone. */
  readonly names?: {
    readonly table: string;
    readonly id: string;
    readonly email: string;
    readonly username?: string;
  };
  /** Do people belong to organizations? */
  readonly organizations?: true;
  /** Everybody who fits: id exactly, e-mail and user name without regard to case. Sorted by id. */
  find(session: Session, wanted: string): Promise<Person[]>;
}

/** Second factors. */
export interface MfaFacet {
  /** Functions that make the changes and see to the journal, with their types; absent: potctl writes into the tables, as whoever is connected. */
  readonly functions?: {
    readonly support: readonly string[];
    /** What only a role needs that may read secrets and codes. */
    readonly readers: readonly string[];
    /** The command that installs them. */
    readonly setup: readonly string[];
  };
  /** Where the secret stands: for the envelope, for rights, for messages. */
  readonly secretColumn: { readonly table: string; readonly column: string };
  readonly totp: TotpRules;
  /** May a person have several factors? */
  readonly several: boolean;
  /** `own`: a factor is a row with an id of its own. `person`: it stands in the person's row and goes by the person's id. */
  readonly factorId: 'own' | 'person';
  /** What the operator must know of this application, each in a sentence. */
  readonly facts: {
    readonly noReplayGuard: string;
    readonly requiredForAdmin?: string;
    readonly login?: string;
  };
  readFactors(session: Session, person: Person, sight: Sight): Promise<Factor[]>;
  /** Stores the secret of {@link PRIVATE} as pending, in place of an earlier pending one. @returns the factor's id */
  enroll(
    session: Session,
    person: Person,
    request: { readonly factorId: string; readonly label: string },
  ): Promise<string>;
  enable(session: Session, person: Person, factorId: string): Promise<void>;
  /** @returns what was taken away and how it could be put back, without secrets */
  disable(session: Session, person: Person, factors: readonly Factor[]): Promise<Readonly<Record<string, unknown>>[]>;
  /** Notes that the code of `step` was accepted, where the application keeps that. */
  markUsed?(session: Session, factorId: string, step: bigint): Promise<void>;
  readonly codes?: BackupCodes;
  /** Absent: the application locks nobody. */
  unlock?(session: Session, person: Person): Promise<void>;
  /** Marks that the person must enrol at the next login. Absent: the application knows no such mark. */
  requireEnrollment?(session: Session, person: Person): Promise<void>;
  /** Does the application ask for it at the next login? */
  mustEnroll?(session: Session, person: Person): Promise<boolean>;
  /** Where the application seals its secrets. */
  readonly sealed?: Sealed;
  /**
   * Where its secrets, codes, locks and sessions stand, for triggers; absent: functions write them. `columns`: those whose update owes an
   * entry. `person`: the column with the id. `whose`: SQL that says of the person `$1` `an administrator`, `the account of the caller` where
   * the role's name `$2` is one of theirs, or nothing. It runs as the caller, with nothing but pg_catalog in the path.
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
   * SQL of the last changes of factors and codes that the application keeps a time of: `id` of the person, `at`, `told`, whether its own
   * audit table has them, and `actions`, which of the journal record them. Absent: it keeps none.
   */
  readonly changes?: string;
  /** All users, one row each, as {@link OVERVIEW_COLUMNS}; `key` is what it can be paged by. */
  overview(secrets: boolean): { readonly sql: string; readonly keyType: 'uuid' | 'text' };
}

/** The application's own audit table. */
export interface AuditFacet {
  /** Nothing where the application has no word for it. @throws E_NOT_KEPT */
  append(session: Session, person: Person, fact: AuditFact): Promise<void>;
}

/** The application's own table of security events. */
export interface SecurityFacet {
  /** @throws E_NOT_KEPT */
  append(session: Session, person: Person, fact: SecurityFact): Promise<void>;
  /** Its own type of event for one refused code. */
  readonly failedCode?: string;
}

/** Who is signed in, where the database knows that. */
export interface SessionsFacet {
  count(session: Session, person: Person): Promise<number>;
  /** @returns how many were ended */
  end(session: Session, person: Person): Promise<number>;
  /** What goes on when all of them have ended, in a sentence. */
  readonly afterwards?: string;
}

/**
 * What an application has, and how it spells it. SQL and spelling, no policy: a facet that it lacks is absent, so that the compiler makes
 * whoever needs it ask.
 *
 * Every application passes `test/contract/application.ts`.
 */
export interface Application {
  /** As the profile's `application` names it; stands in potctl's own tables with the ids of its people. */
  readonly name: string;
  /** Table and columns by which it is recognised; the rest is proved afterwards. */
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

/** A sealed secret with what binds it to its row. */
export type SealedRow = [factorId: string, userId: string, secret: string];

/** Secrets at rest in potctl's envelope. */
export interface Sealed {
  /** SQL of all of them, each as {@link SealedRow}. */
  readonly all: string;
  /** At most `limit` that do not begin with `prefix`, by the factor's id, from behind `after` (null = from the first); locks their rows. */
  next(session: Session, from: { prefix: string; after: string | null; limit: number }): Promise<SealedRow[]>;
  /**
   * Writes what stands in {@link PRIVATE}, three values for each secret: the factor's id, the text that is there, the text that comes. A row
   * that holds another text is left alone.
   *
   * @returns how many hold what was written
   */
  replace(session: Session): Promise<number>;
  /** How many hold what {@link PRIVATE} says now, when every trigger has run. */
  kept(session: Session): Promise<number>;
}

/** The quoted and qualified name of a table of the application, for SQL. */
export type At = (table: string) => string;

/** What an application is, wherever its tables lie. */
export type Adapter<A extends Application = Application> = A & {
  /** The application whose SQL works on the tables in this schema. Without it no table is found: no session's search_path leads there. */
  in(schema: string): A;
  /** The form of the application that has these tables. Absent: it has one form. */
  formOf?(tables: Tables): Adapter<A>;
};

/** Makes an adapter of what writes the SQL for given names of the tables. */
export const adapter = <A extends Application>(make: (at: At) => A): Adapter<A> => ({
  ...make(quoteIdentifier),
  in: (schema) => make((table) => quoteQualified(schema, table)),
});

/**
 * What a row of {@link MfaFacet.overview} has. `secret`: none, empty, base32, short (< 128 bits), weak (< 80 bits), bcrypt, envelope, odd,
 * hidden. `codes`: how many are left, null = not kept or hidden. `plain`: stored as they are.
 */
export const OVERVIEW_COLUMNS =
  `key, id, email, username, role, admin, active, organizations, enabled, secret, codes, plain, since,
  pending_since, last_used, locked_until` as const;
