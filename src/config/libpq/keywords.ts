/** A value and where it was set, e.g. `env PGHOST` or `/etc/potctl/config.yaml:12`. */
export interface Given {
  readonly value: string;
  readonly from: string;
}

/** Connection keywords with their values, after ranking. */
export type Parameters = ReadonlyMap<string, Given>;

interface Keyword {
  /** The environment variable that sets it. */
  readonly variable?: string;
  /**
   * `used`: affects the connection. `ignored`: makes no difference to potctl (sessions have their own name and encoding).
   * A list: only these values are supported; any other is refused, because it asks for a protection that would be missing.
   */
  readonly treatment: 'used' | 'ignored' | readonly string[];
}

const used = (variable?: string): Keyword => ({ treatment: 'used', ...(variable === undefined ? {} : { variable }) });
const ignored = (variable?: string): Keyword => ({
  treatment: 'ignored',
  ...(variable === undefined ? {} : { variable }),
});
const only = (variable: string | undefined, ...values: string[]): Keyword => ({
  treatment: values,
  ...(variable === undefined ? {} : { variable }),
});

/**
 * Every keyword of libpq, with its environment variable and how potctl treats it.
 *
 * @see PostgreSQL 18, src/interfaces/libpq/fe-connect.c, PQconninfoOptions
 */
export const LIBPQ_KEYWORDS: Readonly<Record<string, Keyword>> = {
  service: used('PGSERVICE'),
  servicefile: used('PGSERVICEFILE'),
  host: used('PGHOST'),
  hostaddr: used('PGHOSTADDR'),
  port: used('PGPORT'),
  user: used('PGUSER'),
  dbname: used('PGDATABASE'),
  password: used('PGPASSWORD'),
  passfile: used('PGPASSFILE'),
  sslmode: used('PGSSLMODE'),
  sslrootcert: used('PGSSLROOTCERT'),
  sslcert: used('PGSSLCERT'),
  sslkey: used('PGSSLKEY'),
  options: used('PGOPTIONS'),
  connect_timeout: used('PGCONNECT_TIMEOUT'),

  application_name: ignored('PGAPPNAME'),
  fallback_application_name: ignored(),
  client_encoding: ignored('PGCLIENTENCODING'),
  keepalives: ignored(),
  keepalives_idle: ignored(),
  keepalives_interval: ignored(),
  keepalives_count: ignored(),
  tcp_user_timeout: ignored(),
  krbsrvname: ignored('PGKRBSRVNAME'),
  gsslib: ignored('PGGSSLIB'),
  gssdelegation: ignored('PGGSSDELEGATION'),
  sslcompression: ignored('PGSSLCOMPRESSION'),
  sslsni: ignored('PGSSLSNI'),
  ssl_max_protocol_version: ignored('PGSSLMAXPROTOCOLVERSION'),
  min_protocol_version: ignored('PGMINPROTOCOLVERSION'),
  max_protocol_version: ignored('PGMAXPROTOCOLVERSION'),

  channel_binding: only('PGCHANNELBINDING', 'prefer', 'disable'),
  gssencmode: only('PGGSSENCMODE', 'prefer', 'disable'),
  load_balance_hosts: only('PGLOADBALANCEHOSTS', 'disable'),
  require_auth: only('PGREQUIREAUTH'),
  requirepeer: only('PGREQUIREPEER'),
  ssl_min_protocol_version: only('PGSSLMINPROTOCOLVERSION', 'TLSv1', 'TLSv1.1', 'TLSv1.2'),
  sslcertmode: only('PGSSLCERTMODE', 'allow'),
  sslcrl: only('PGSSLCRL'),
  sslcrldir: only('PGSSLCRLDIR'),
  sslnegotiation: only('PGSSLNEGOTIATION', 'postgres'),
  sslpassword: only(undefined),
  replication: only(undefined, 'false', 'off', 'no', '0'),
  target_session_attrs: only('PGTARGETSESSIONATTRS', 'any'),
  scram_client_key: only(undefined),
  scram_server_key: only(undefined),
  oauth_issuer: only(undefined),
  oauth_client_id: only(undefined),
  oauth_client_secret: only(undefined),
  oauth_scope: only(undefined),
};
