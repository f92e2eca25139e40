import type { ConnectionSettings } from '../postgres/settings.js';

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
  readonly application: 'auto' | '3dpot' | 'viu' | 'evo' | 'native';
  readonly files: { readonly path: string; readonly engine: 'archive'; readonly excludes: readonly string[] } | null;
  /** SQL whose first column is a file path relative to the tree. */
  readonly references: string | null;
  /** In the order of the profile; --repository puts its own first. */
  readonly repositories: readonly { readonly name: string; readonly path: string }[];
  readonly restore: {
    readonly keepOldMs: number;
    readonly stopWriters: string | null;
    readonly startWriters: string | null;
  };
  readonly origins: readonly Origin[];
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
