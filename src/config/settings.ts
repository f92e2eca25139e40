import type { MailSettings } from '../notify/mail.js';
import type { ConnectionSettings } from './libpq/settings.js';

export type Environment = 'production' | 'staging' | 'development';

/** What a command works with: flags > POTCTL_* > profile > defaults, each value with its origin. Times in ms, sizes in bytes. */
export interface Settings {
  readonly profile: {
    readonly name: string | null;
    readonly environment: Environment | null;
    /** Was -p given on the command line? Severe commands on production want it. */
    readonly onCommandLine: boolean;
  };
  readonly connection: ConnectionSettings;
  readonly expect: { readonly systemIdentifier: string | null };
  readonly application: {
    readonly name: 'auto' | '3dpot' | 'viu' | 'evo' | 'native';
    /** Of its tables; null = where they are found. */
    readonly schema: string | null;
  };
  readonly files: {
    readonly path: string;
    readonly engine: 'archive' | 'incremental';
    readonly excludes: readonly string[];
  } | null;
  /** SQL whose first column is a file path relative to the tree. */
  readonly references: string | null;
  /** In the order of the profile; --repository puts its own first. */
  readonly repositories: readonly RepositorySettings[];
  readonly restore: {
    readonly keepOldMs: number;
    readonly stopWriters: string | null;
    readonly startWriters: string | null;
  };
  readonly retention: {
    /** null where the profile has none, or none that keeps anything. */
    readonly rules: KeepRules | null;
    /** In which days, weeks, months and years are counted; a name that Intl knows. */
    readonly zone: string;
    /** Does the profile want an approval, a reason or a ticket for it, which this version cannot ask for? */
    readonly guarded: boolean;
  };
  readonly mfa: {
    /** Name in authenticator apps; null = the application's own. */
    readonly issuer: string | null;
    readonly requiredForAdmin: boolean;
    readonly codeForm: 'application' | 'login';
    /** Key files by key id. */
    readonly keys: Readonly<Record<string, string>>;
    /** systemd's directory of credentials, where keys may lie, too. */
    readonly credentialsDirectory: string | null;
  };
  readonly guards: {
    /** Commands such as `mfa.disable` that want --break-glass. */
    readonly protected: readonly string[];
    /** A regular expression that a ticket must fit; null = none is wanted. */
    readonly ticket: string | null;
  };
  readonly notify: {
    /** null where the profile names no server for mail. */
    readonly email: MailSettings | null;
  };
  readonly origins: readonly Origin[];
  /** The file in force and its permission bits; null where there is none. */
  readonly configFile?: { readonly path: string; readonly mode: number } | null;
  /** What a person should read although the command goes on; one line each, for stderr. */
  readonly warnings?: readonly string[];
}

/** How many backups are kept, of which kind; 0 = the rule is not in force. */
export interface KeepRules {
  /** The newest. */
  readonly last: number;
  /** Everything younger, in ms. */
  readonly withinMs: number;
  /** The newest of each of so many days, weeks, months, years that have one. */
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
  readonly yearly: number;
}

/** A directory, or a bucket that this version can only be told about. */
export type RepositorySettings =
  | { readonly name: string; readonly path: string; readonly s3?: undefined }
  | { readonly name: string; readonly path?: undefined; readonly s3: S3Settings };

export interface S3Settings {
  readonly bucket: string;
  /** Without slashes at its ends; empty = the whole bucket. */
  readonly prefix: string;
  readonly endpoint: string | null;
  readonly region: string | null;
  readonly pathStyle: boolean;
}

/** Where a value came from, for `config show --origin`. */
export interface Origin {
  /** Dotted, e.g. `database.host`. */
  readonly key: string;
  /** Printable; a secret is `set (file /run/…, 0600)`. */
  readonly value: string;
  /** `flag --repository`, `env PGHOST`, `/etc/potctl/config.yaml:12`, `~/.pgpass line 3`, `default`. */
  readonly from: string;
}
