import type { WithMfa } from '../applications/application.js';
import type { ApplicationDatabase } from '../applications/open.js';
import type { JournalEntry } from '../journal/entry.js';
import type { Clock } from '../kernel/clock.js';
import type { Advice } from '../kernel/next.js';
import type { Session } from '../postgres/server.js';
import type { Keyring } from './envelope.js';

/** Who does it, and why. */
export interface Actor {
  /** As it will stand in the record: `--operator`, else `user@host`. */
  readonly operator: string;
  readonly osUser: string;
  readonly hostname: string;
  readonly toolVersion: string;
  readonly runId: string;
  readonly traceId: string;
  readonly reason: string | null;
  readonly ticket: string | null;
  readonly breakGlass: boolean;
  /** At the support desk: what proved who was calling, and what warned of it. Stands in the journal with the change. */
  readonly evidence?: { readonly proofs: readonly string[]; readonly red_flags: readonly string[] };
}

/** What the profile asks for. */
export interface MfaPolicy {
  readonly profile: string | null;
  readonly isProduction: boolean;
  /** Was `-p` typed? */
  readonly profileOnCommandLine: boolean;
  /** A regular expression; null = no ticket is wanted. */
  readonly ticket: string | null;
  /** Commands such as `mfa.disable`, or `mfa` for all. */
  readonly protected: readonly string[];
  readonly requiredForAdmin: boolean;
  /** null = the application's own. */
  readonly issuer: string | null;
  readonly codeForm: 'application' | 'login';
}

/** The journal, as far as a change of a second factor needs it. */
export interface JournalPort {
  /** null = not installed. @throws E_DB_DENIED, E_REFUSED */
  version(session: Session): Promise<number | null>;
  append(session: Session, entry: JournalEntry): Promise<string>;
  /** What is wrong with what is installed, and the command that mends it; null = nothing. */
  problem(session: Session): Promise<{ readonly detail: string; readonly fix: Advice } | null>;
  /** What keeps a support login from changing a second factor behind the journal's back; null = nothing. */
  guard(session: Session, schema: string): Promise<'functions' | 'triggers' | null>;
}

/** What the use cases of second factors are made of. */
export interface MfaDeps {
  readonly database: ApplicationDatabase<WithMfa>;
  readonly clock: Clock;
  readonly journal: JournalPort;
  readonly actor: Actor;
  readonly policy: MfaPolicy;
  /** Read when a secret has to be opened or sealed. @throws E_MFA_KEY */
  keys(): Promise<Keyring>;
}

/** What a function works with, of all that a use case has. */
export type Uses<Key extends keyof MfaDeps> = Pick<MfaDeps, Key>;

/** The version of potctl's own schema that knows second factors. */
export const MFA_SCHEMA_VERSION = 2;
