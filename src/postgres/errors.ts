import type { ErrorCode } from '../kernel/error-catalog.js';
import { PotctlError } from '../kernel/errors.js';
import { type Advice, advice, asUser, potctl } from '../kernel/next.js';
import { quoteIdentifier } from './identifiers.js';
import { shellWord } from './psql-line.js';

/** Where the error occurred, for the message. */
export interface ErrorPlace {
  /** `user@host:port/database`. */
  readonly target: string;
  /** True while connecting: then every error that the server did not send is about reaching it. */
  readonly connecting: boolean;
  readonly passwordNotes?: readonly string[];
}

/** The remedy. Choosing another repository, as for other full disks, would not help. */
export const SERVER_IS_FULL = ['Free some space on the server (check `df`, including tablespaces), then retry.'];

/** The remedy for a full lock table. */
export const LOCKS_ARE_FULL = [
  'As a superuser: `alter system set max_locks_per_transaction = 256;`, then restart the server.',
  advice`See its capacity and what is needed: ${potctl('doctor')}.`,
];

interface ServerWord {
  readonly message: string;
  readonly sqlstate: string;
  readonly detail?: string;
  readonly hint?: string;
}

const UNREACHABLE_ERRNO = new Set(
  'ECONNREFUSED ECONNRESET ECONNABORTED ENOENT ENOTFOUND EAI_AGAIN EAI_FAIL EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ETIMEDOUT EPIPE EACCES ENOTSOCK EINVAL ENAMETOOLONG'.split(
    ' ',
  ),
);
const TLS_WORDS = /does not support SSL|establishing an SSL connection|^ERR_(SSL|TLS|OSSL)|CERT|SIGNATURE|EPROTO/;

/** The SQLSTATE of a server error; undefined for any other error. */
export function sqlstateOf(error: unknown): string | undefined {
  if (error instanceof PotctlError) {
    const why = error.why;
    return typeof why === 'object' && typeof why['sqlstate'] === 'string' ? why['sqlstate'] : undefined;
  }
  return serverWord(error)?.sqlstate;
}

/** Data exceptions and constraint violations: their DETAIL contains the row. */
const WITH_ROW_CONTENT = /^(22|23|44)/;

/**
 * Converts an error of the driver into a PotctlError with the server's own DETAIL and HINT. Drops the DETAIL if it may contain row
 * content.
 *
 * Returns a PotctlError unchanged.
 */
export function toDatabaseError(error: unknown, place: ErrorPlace): PotctlError {
  if (error instanceof PotctlError) return error;
  const word = serverWord(error);
  if (word) return fromServer(word, place, error);
  const reason = reasonOf(error);
  const code: ErrorCode = isAboutTls(error) ? 'E_DB_TLS' : 'E_DB_UNREACHABLE';
  const message =
    code === 'E_DB_TLS'
      ? `cannot negotiate TLS with '${place.target}'`
      : place.connecting
        ? `cannot reach '${place.target}'`
        : `the connection to '${place.target}' was lost`;
  const socket = place.connecting ? deadSocket(error) : undefined;
  if (socket === undefined) return new PotctlError(code, message, { why: reason, cause: error });
  const why = `no server listens on the Unix socket '${socket}'`;
  return new PotctlError(code, message, { why, fix: START_OR_NAME_IT, cause: error });
}

const START_OR_NAME_IT = [
  'If PostgreSQL runs on this host, start it. Debian, Ubuntu: `pg_lsclusters` shows its state and port.',
  'Or name the server: PGHOST and PGPORT, or `host` and `port` in the profile.',
];

/** The Unix socket on which nothing listens; undefined for any other error. Without a host, libpq's default is such a socket. */
function deadSocket(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return /^connect (?:ENOENT|ECONNREFUSED) (\/.*\.s\.PGSQL\.\d+)$/.exec(error.message)?.[1];
}

/** Whether, after this failure, libpq's `sslmode=allow` and `prefer` try again with or without TLS. */
export function mayTryOtherTls(error: unknown): boolean {
  return serverWord(error)?.sqlstate === '28000' || isAboutTls(error);
}

function serverWord(error: unknown): ServerWord | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return undefined;
  if (typeof error.code !== 'string' || !/^[0-9A-Z]{5}$/.test(error.code)) return undefined;
  const field = (key: 'detail' | 'hint'): string | undefined => {
    const value: unknown = key in error ? (error as unknown as Record<string, unknown>)[key] : undefined;
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const detail = WITH_ROW_CONTENT.test(error.code) ? undefined : field('detail');
  const hint = field('hint');
  return { message: error.message, sqlstate: error.code, ...(detail && { detail }), ...(hint && { hint }) };
}

function fromServer(word: ServerWord, place: ErrorPlace, cause: unknown): PotctlError {
  const code = place.connecting || !isRefusedByData(word.sqlstate) ? codeFor(word) : 'E_DB_CONSTRAINT';
  const notes = code === 'E_DB_DENIED' && place.connecting ? (place.passwordNotes ?? []) : [];
  const why = {
    sqlstate: word.sqlstate,
    server: word.message,
    ...(word.detail === undefined ? {} : { detail: word.detail }),
    ...(word.hint === undefined ? {} : { hint: word.hint }),
    ...(notes.length > 0 ? { passwords: notes.join('; ') } : {}),
  };
  const fix = fixFor(word, place) ?? (place.connecting ? roleAdvice(word) : null);
  return new PotctlError(code, messageFor(code, word, place), { why, cause, ...(fix && { fix }) });
}

/** In a cluster with the distribution's defaults, system users can log in only as the role with their own name, and the only role is postgres. */
function roleAdvice({ sqlstate, message }: ServerWord): Advice[] | null {
  if (!sqlstate.startsWith('28')) return null;
  const missing = /^role "(.+)" does not exist$/.exec(message)?.[1];
  const peer = /^Peer authentication failed for user "(.+)"$/.exec(message)?.[1];
  if (missing === undefined && peer === undefined) return null;
  return [
    peer === undefined
      ? advice`Run it as the system user postgres, which has a role: ${asUser('postgres', { PGUSER: 'postgres' })}`
      : advice`Run it as the system user with the name of that role: ${asUser(peer)}`,
    ...(missing === undefined
      ? ['Or connect as the role with your own name (set PGUSER), or over TCP with a password (set PGHOST=localhost).']
      : [
          `Or create the role: \`sudo -u postgres createuser ${shellWord(missing)}\` (then grant it what it needs)`,
          'Or use another role: set PGUSER, or `user` in the profile.',
        ]),
  ];
}

function codeFor({ sqlstate, message }: ServerWord): ErrorCode {
  if (sqlstate === '28000' && /no encryption|SSL (off|on)|SSL encryption/.test(message)) return 'E_DB_TLS';
  if (sqlstate === '28000' && /valid client certificate/.test(message)) return 'E_DB_TLS';
  if (sqlstate === '08P01' && message.includes('unsupported startup parameter')) return 'E_DB_POOLER';
  if (sqlstate.startsWith('28') || sqlstate === '42501') return 'E_DB_DENIED';
  if (sqlstate === '3D000') return 'E_DATABASE_NOT_FOUND';
  if (sqlstate === '55P03' || sqlstate.startsWith('40')) return 'E_DB_LOCKED';
  if (sqlstate === '53100') return 'E_NO_SPACE';
  if (sqlstate.startsWith('08') || /^57P0|^25P03$/.test(sqlstate)) return 'E_DB_UNREACHABLE';
  // A limit of the whole server is temporary; a limit of a role or a database is a setting.
  if (sqlstate === '53300' && !isOwnLimit(message)) return 'E_DB_UNREACHABLE';
  // Memory, locks, connections: the server answered and reports what it lacks.
  if (sqlstate.startsWith('53') || sqlstate === '25006') return 'E_UNFIT';
  return 'E_DB_QUERY';
}

/** A constraint, a trigger that raised an error or interfered, a view's check option, a column that is too narrow. */
function isRefusedByData(sqlstate: string): boolean {
  return sqlstate.startsWith('23') || ['P0001', '44000', '22001', '27000', '09000'].includes(sqlstate);
}

function fixFor({ sqlstate, message }: ServerWord, { target }: ErrorPlace): readonly Advice[] | undefined {
  if (sqlstate === '53100') return SERVER_IS_FULL;
  if (sqlstate === '53300') return tooManyConnections(message);
  if (sqlstate === '53200' && message.includes('shared memory')) return LOCKS_ARE_FULL;
  if (sqlstate === '25006') return readOnly(target);
  return undefined;
}

const OWN_LIMIT = /for (role|database) "(.*)"/;
const isOwnLimit = (message: string): boolean => OWN_LIMIT.test(message);

/** Connections that a backup needs with `--jobs 1`, its minimum: its lock, its snapshot, and pg_dump. */
export const BACKUP_CONNECTIONS = 3;

/** The statement that raises the limit of a role or a database. */
export const raiseLimit = (kind: string, name: string): string =>
  `ALTER ${kind.toUpperCase()} ${quoteIdentifier(name)} CONNECTION LIMIT 20;`;

/** Which limit was reached, and how many connections are needed: potctl lowers its jobs to the available connections. */
export function tooManyConnections(message: string): string[] {
  const limit = OWN_LIMIT.exec(message);
  return [
    limit === null
      ? 'End some sessions, or raise max_connections.'
      : `As a superuser: \`${raiseLimit(limit[1]!, limit[2]!)}\``,
    `A backup needs ${BACKUP_CONNECTIONS} connections at once, even with \`--jobs 1\`; connections of other sessions count, too.`,
  ];
}

function readOnly(target: string): string[] {
  const role = quoteIdentifier(target.slice(0, target.lastIndexOf('@')));
  return [
    `If the role is read-only: \`ALTER ROLE ${role} RESET default_transaction_read_only;\``,
    'If the server is a standby: use the primary.',
  ];
}

function messageFor(code: ErrorCode, { message }: ServerWord, { target, connecting }: ErrorPlace): string {
  const prefix = connecting ? `cannot log in to '${target}'` : `on '${target}'`;
  if (code === 'E_NO_SPACE') return `the server '${target}' is out of disk space: ${message}`;
  if (code === 'E_DB_CONSTRAINT') return `the database rejected the write: ${message}`;
  if (code === 'E_UNFIT' && !connecting) return `the server '${target}' cannot run the statement: ${message}`;
  if (code === 'E_DB_QUERY' && !connecting) return `the server rejected a statement: ${message}`;
  return `${prefix}: ${message}`;
}

/** If a host has several addresses, Node throws an AggregateError without a message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(reasonOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  if (error.message === 'timeout expired') return 'no answer within the connect timeout';
  return error.message;
}

function isAboutTls(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const errno = 'code' in error ? String(error.code) : '';
  if (UNREACHABLE_ERRNO.has(errno)) return false;
  return TLS_WORDS.test(errno) || TLS_WORDS.test(error.message);
}
