/** All input for settings. Nothing is read from the process. */
export interface SettingsRequest {
  readonly flags: SettingsFlags;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** Name of the operating system's user. */
  readonly userName: string;
  /** For relative paths on the command line and in the environment; empty = none is known, and relative paths are refused. */
  readonly cwd: string;
  /** Runs `password_command`, without a shell. Default: as a child of this process. @throws E_TOOL_MISSING, E_TOOL_FAILED */
  readonly run?: (argv: readonly string[]) => Promise<string>;
  /** Asks the person at the terminal; absent without a terminal. */
  readonly promptPassword?: () => Promise<string>;
  /** The system's configuration file; default `/etc/potctl/config.yaml`. */
  readonly systemFile?: string;
}

/** The flags that affect settings, as typed. */
export interface SettingsFlags {
  /** -p/--profile. */
  readonly profile?: string;
  readonly config?: string;
  /** A key of the profile, a path, or `s3://bucket/prefix`. */
  readonly repository?: string;
  readonly files?: string;
  /** Name of the database. */
  readonly database?: string;
  readonly passwordFile?: string;
}
