import type { Secret } from '../../kernel/secret.js';

/** The settings of a connection, resolved once, for the driver and the PostgreSQL tools alike. */
export interface ConnectionSettings {
  /** A host name, an address, or a directory with the Unix socket (starts with `/`). */
  readonly host: string;
  readonly hostaddr: string | null;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly sslmode: 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /** An absolute path, or `system` for the certificates of the operating system. */
  readonly sslrootcert: string | null;
  readonly sslcert: string | null;
  readonly sslkey: string | null;
  readonly password: Secret | null;
  /** For doctor and `config show --origin`, e.g. `~/.pgpass line 3`; never the value. */
  readonly passwordSource: string | null;
  /**
   * Fetches a password that needs a command or a prompt (`password_command`), at most once. Call it only when the server asks for a password
   * and `password` is null: peer and certificate logins need none. @throws E_CONFIG, E_TOOL_FAILED, E_CANCELED
   */
  readonly fetchPassword?: () => Promise<Secret>;
  /** Why a source provided no password, e.g. `~/.pgpass is ignored: mode 0644`; shown in the `why` of a failed login. */
  readonly passwordNotes?: readonly string[];
  /** PGOPTIONS. */
  readonly options: string | null;
  /** Seconds; 0 = wait forever. */
  readonly connectTimeoutS: number;
  readonly service: string | null;
}
