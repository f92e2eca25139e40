import type { Secret } from '../../kernel/secret.js';

/** Everything that decides where a connection goes, resolved once, for the driver and for the PostgreSQL tools alike. */
export interface ConnectionSettings {
  /** A host name, an address, or a directory with the Unix socket (begins with `/`). */
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
   * How to get a password that costs (`password_command`, a prompt), asked at most once. To be called when the server wants a password and
   * `password` is null, never before: peer and certificate logins need none. @throws E_CONFIG, E_TOOL_FAILED, E_CANCELLED
   */
  readonly fetchPassword?: () => Promise<Secret>;
  /** Why a source gave nothing, e.g. `~/.pgpass is ignored: mode 0644`; belongs into the `why` of a refused login. */
  readonly passwordNotes?: readonly string[];
  /** PGOPTIONS. */
  readonly options: string | null;
  /** Seconds; 0 = wait for ever. */
  readonly connectTimeoutS: number;
  readonly service: string | null;
}
