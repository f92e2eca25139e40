import type { Secret } from '../secret.js';

/** Everything that decides where a connection goes, resolved once, for the driver and for the PostgreSQL tools alike. */
export interface ConnectionSettings {
  /** A host name, an address, or a directory with the Unix socket (begins with `/`). */
  readonly host: string;
  readonly hostaddr: string | null;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly sslmode: 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  readonly sslrootcert: string | null;
  readonly sslcert: string | null;
  readonly sslkey: string | null;
  readonly password: Secret | null;
  /** For doctor and `config show --origin`, e.g. `~/.pgpass line 3`; never the value. */
  readonly passwordSource: string | null;
  /** PGOPTIONS. */
  readonly options: string | null;
  readonly connectTimeoutS: number;
  readonly service: string | null;
}
