import type { WithMfa } from '../applications/application.js';
import type { ApplicationDatabase } from '../applications/open.js';
import type { JournalEntry } from '../journal/entry.js';
import type { Clock } from '../kernel/clock.js';
import type { Advice } from '../kernel/next.js';
import type { Session } from '../postgres/server.js';
import type { Keyring } from './envelope.js';

/** Who makes a change, and why. */
export interface Actor {
  /** As recorded: `--operator`, else `user@host`. */
  readonly operator: string;
  readonly osUser: string;
  readonly hostname: string;
  readonly toolVersion: string;
  readonly runId: string;
  readonly traceId: string;
  readonly reason: string | null;
  readonly ticket: string | null;
  readonly breakGlass: boolean;
  /** Only at the support desk: the proofs of identity and the warning signs, recorded with the change. */
  readonly evidence?: { readonly proofs: readonly string[]; readonly red_flags: readonly string[] };
}

/** What the profile requires. */
export interface MfaPolicy {
  readonly profile: string | null;
  readonly isProduction: boolean;
  /** Whether `-p` was given. */
  readonly profileOnCommandLine: boolean;
  /** A regular expression for tickets; null = no ticket is required. */
  readonly ticket: string | null;
  /** Commands such as `mfa.disable`, or `mfa` for all. */
  readonly protected: readonly string[];
  readonly requiredForAdmin: boolean;
  /** null = the application's own. */
  readonly issuer: string | null;
  readonly codeForm: 'application' | 'login';
}

/** The part of the journal that changes of second factors need. */
export interface JournalPort {
  /** null = not installed. @throws E_DB_DENIED, E_REFUSED */
  version(session: Session): Promise<number | null>;
  append(session: Session, entry: JournalEntry): Promise<string>;
  /** Says what is wrong with the installed schema, and which command fixes it; null = nothing. */
  problem(session: Session): Promise<{ readonly detail: string; readonly fix: Advice } | null>;
  /** Returns what keeps a support login from changing second factors without a journal entry; null = nothing. */
  guard(session: Session, schema: string): Promise<'functions' | 'triggers' | null>;
}

/** What the use cases of second factors need. */
export interface MfaDeps {
  readonly database: ApplicationDatabase<WithMfa>;
  readonly clock: Clock;
  readonly journal: JournalPort;
  readonly actor: Actor;
  readonly policy: MfaPolicy;
  /** Reads the keys; called when a secret has to be encrypted or decrypted. @throws E_MFA_KEY */
  keys(): Promise<Keyring>;
}

/** The part of {@link MfaDeps} that a function needs. */
export type Uses<Key extends keyof MfaDeps> = Pick<MfaDeps, Key>;

/** The first version of potctl's own schema that supports second factors. */
export const MFA_SCHEMA_VERSION = 2;
